//! The lab, the cases, end to end.
