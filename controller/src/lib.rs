//! Weft's controller.
