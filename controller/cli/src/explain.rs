//! What kinds and fields mean, in the words of the schema's own comments.

pub mod schema;

pub mod page;
