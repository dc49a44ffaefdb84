//! Results in a bucket, against a real S3 server behind a proxy that has bad days.

mod inputs;
mod results;
mod trouble;
mod uploads;
