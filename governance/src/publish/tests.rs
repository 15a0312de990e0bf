//! Tests of the publishing file.
