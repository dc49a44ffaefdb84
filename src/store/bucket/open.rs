//! A client for a bucket, out of the variables and files that the keepers' own tools read (`docs/buckets.md`). What they
//! hold is handed on and kept nowhere else.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, Result, RetryConfig};

use crate::job::{BucketScheme, ObjectUrl};

use super::aws_files::AwsFiles;

/// One request in all. Long enough for the largest result on a slow line; silence is not looked for, since a client hears
/// nothing while it sends.
const REQUEST: Duration = Duration::from_secs(180);

const CONNECT: Duration = Duration::from_secs(10);

/// What is worth a short retry is retried by the client; what lasts is waited out above it.
const RETRIES: usize = 4;
const LONGEST_RETRYING: Duration = Duration::from_secs(30);

/// A bucket's client, as what it can do.
#[derive(Debug, Clone)]
pub(in crate::store) struct Client {
    pub(in crate::store) store: Arc<dyn ObjectStore>,
    pub(super) signer: Arc<dyn Signer>,
}

impl Client {
    fn of<T: ObjectStore + Signer>(client: T) -> Self {
        let client = Arc::new(client);
        Self { store: Arc::<T>::clone(&client), signer: client }
    }
}

/// The client for the bucket of `url`; what it needs of S3 is in `variables`. Nobody is asked yet.
pub(super) fn open(url: &ObjectUrl, variables: impl Iterator<Item = (String, String)>) -> Result<Client> {
    match url.scheme() {
        BucketScheme::S3 => s3(url, variables, &AwsFiles::read()).build().map(Client::of),
        BucketScheme::Gs => {
            let builder = GoogleCloudStorageBuilder::from_env().with_client_options(patient());
            builder.with_retry(retrying()).with_bucket_name(url.bucket()).build().map(Client::of)
        }
        BucketScheme::Az => {
            let builder = MicrosoftAzureBuilder::from_env().with_client_options(patient());
            builder.with_retry(retrying()).with_container_name(url.bucket()).build().map(Client::of)
        }
    }
}

/// By the environment as [`AmazonS3Builder::from_env`] reads it, and by the files where it has no keys.
fn s3(url: &ObjectUrl, variables: impl Iterator<Item = (String, String)>, files: &AwsFiles) -> AmazonS3Builder {
    // Many that speak the interface do not know the form that removes several objects at once.
    let builder = AmazonS3Builder::new().with_client_options(patient());
    let mut builder = builder.with_config(AmazonS3ConfigKey::DisableBulkDelete, "true");
    for (name, value) in variables.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()) {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let has = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let has_keys = [
        AmazonS3ConfigKey::AccessKeyId,
        AmazonS3ConfigKey::WebIdentityTokenFile,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
    ];
    if !has_keys.into_iter().any(|key| has(&builder, key)) {
        builder = files.keys().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    }
    if let Some(region) = files.region().filter(|_| !has(&builder, AmazonS3ConfigKey::Region)) {
        builder = builder.with_region(region);
    }
    at_endpoint(builder, url.bucket()).with_retry(retrying()).with_bucket_name(url.bucket())
}

/// An endpoint with `http://` was written so on purpose; and one for hosts that begin with the bucket's name is the same
/// for all buckets.
fn at_endpoint(mut builder: AmazonS3Builder, bucket: &str) -> AmazonS3Builder {
    let value = |builder: &AmazonS3Builder, key: &AmazonS3ConfigKey| builder.get_config_value(key);
    let specific = value(&builder, &AmazonS3ConfigKey::S3Endpoint);
    let Some(endpoint) = specific.or_else(|| value(&builder, &AmazonS3ConfigKey::Endpoint)) else { return builder };
    if endpoint.starts_with("http://") {
        builder = builder.with_allow_http(true);
    }
    let is_hosted = value(&builder, &AmazonS3ConfigKey::VirtualHostedStyleRequest).is_some_and(|text| text == "true");
    let Some((scheme, host)) = endpoint.split_once("://").filter(|_| is_hosted) else { return builder };
    if host.starts_with(&format!("{bucket}.")) {
        return builder;
    }
    builder.with_config(AmazonS3ConfigKey::S3Endpoint, format!("{scheme}://{bucket}.{host}"))
}

fn patient() -> ClientOptions {
    let seconds = |duration: Duration| format!("{} seconds", duration.as_secs());
    ClientOptions::new()
        .with_config(ClientConfigKey::ConnectTimeout, seconds(CONNECT))
        .with_config(ClientConfigKey::Timeout, seconds(REQUEST))
}

fn retrying() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: LONGEST_RETRYING }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> ObjectUrl {
        ObjectUrl::parse("s3://shop/results").expect("a bucket").expect("valid")
    }

    fn built(variables: &[(&str, &str)], files: &AwsFiles) -> AmazonS3Builder {
        s3(&url(), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), files)
    }

    fn endpoint(variables: &[(&str, &str)]) -> Option<String> {
        let builder = built(variables, &AwsFiles::default());
        let specific = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
        specific.or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint))
    }

    #[test]
    fn keys_of_the_environment_come_before_those_of_the_file() {
        let files = AwsFiles::of("[default]\naws_access_key_id = filed\naws_secret_access_key = s\n", "", "default");
        let id = |variables: &[(&str, &str)]| {
            built(variables, &files).get_config_value(&AmazonS3ConfigKey::AccessKeyId).expect("an id")
        };
        assert_eq!(id(&[]), "filed");
        assert_eq!(id(&[("AWS_ACCESS_KEY_ID", "given"), ("AWS_SECRET_ACCESS_KEY", "s")]), "given");
    }

    #[test]
    fn an_endpoint_for_hosted_buckets_gets_the_buckets_name_once() {
        let hosted = ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true");
        let of = |at: &str| endpoint(&[("AWS_ENDPOINT_URL", at), hosted]).expect("an endpoint");
        assert_eq!(of("https://oss-cn-hangzhou.aliyuncs.com"), "https://shop.oss-cn-hangzhou.aliyuncs.com");
        assert_eq!(of("https://shop.cos.ap-guangzhou.myqcloud.com"), "https://shop.cos.ap-guangzhou.myqcloud.com");
        assert_eq!(endpoint(&[("AWS_ENDPOINT", "http://minio:9000")]).as_deref(), Some("http://minio:9000"));
        assert_eq!(endpoint(&[]), None);
    }

    #[test]
    fn what_debug_prints_of_a_client_has_no_secret() {
        let builder = built(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hush")], &AwsFiles::default());
        let client = Client::of(builder.build().expect("a client"));
        assert!(!format!("{client:?}").contains("hush"), "{client:?}");
    }
}
