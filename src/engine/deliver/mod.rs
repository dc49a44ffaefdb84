//! The last part of a job's way: what the provider has made is downloaded, verified, looked at and published.

pub(crate) mod landing;
pub(crate) mod share;
