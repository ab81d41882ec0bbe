//! The wire of Weft: generated messages and their conversions.
