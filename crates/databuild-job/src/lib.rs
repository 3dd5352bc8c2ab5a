//! The job wrapper: a child goes in, JobLogEntry lines come out.
