//! The files in which the AWS tools keep keys and regions, by profile. Only what is written in them directly: a profile that
//! leads elsewhere (`sso_session`, `role_arn`, `credential_process`) gives nothing here.

use std::path::PathBuf;

use object_store::aws::AmazonS3ConfigKey;

/// The profile where none is named.
const DEFAULT: &str = "default";

/// What the files say of the profile in force. Not `Debug`: it holds secrets.
#[derive(Default)]
pub(super) struct AwsFiles {
    keys: Vec<(AmazonS3ConfigKey, String)>,
    region: Option<String>,
}

impl AwsFiles {
    /// Reads `~/.aws/credentials` and `~/.aws/config`, or the files that `AWS_SHARED_CREDENTIALS_FILE` and
    /// `AWS_CONFIG_FILE` name, for `AWS_PROFILE`. A file that cannot be read says nothing.
    pub(super) fn read() -> Self {
        let text = |variable: &str, name: &str| {
            let named = std::env::var_os(variable).map(PathBuf::from);
            let path = named.or_else(|| std::env::home_dir().map(|home| home.join(".aws").join(name)));
            path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
        };
        let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| DEFAULT.to_owned());
        Self::of(
            &text("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            &text("AWS_CONFIG_FILE", "config"),
            profile.as_str(),
        )
    }

    pub(super) fn of(credentials: &str, config: &str, profile: &str) -> Self {
        let in_config = if profile == DEFAULT { DEFAULT.to_owned() } else { format!("profile {profile}") };
        let value = |name: &str| {
            value_of(credentials, profile, name).or_else(|| value_of(config, &in_config, name)).map(str::to_owned)
        };
        let names = [
            (AmazonS3ConfigKey::AccessKeyId, "aws_access_key_id"),
            (AmazonS3ConfigKey::SecretAccessKey, "aws_secret_access_key"),
            (AmazonS3ConfigKey::Token, "aws_session_token"),
        ];
        let keys = names.into_iter().filter_map(|(key, name)| Some((key, value(name)?))).collect();
        Self { keys, region: value("region") }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (AmazonS3ConfigKey, String)> {
        self.keys.iter().cloned()
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// The value of a name in a section of an INI file.
fn value_of<'t>(text: &'t str, section: &str, name: &str) -> Option<&'t str> {
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_inside = title.trim() == section;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_inside)
            && key.trim() == name
        {
            return Some(value.trim()).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "\
# keys
[default]
aws_access_key_id = AAA
aws_secret_access_key=s/e=c+ret
[shop]
aws_access_key_id = BBB
aws_secret_access_key = other
aws_session_token = tok
";
    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile shop]\nregion = cn-north-1\noutput = json\n";

    fn said(profile: &str) -> (Vec<String>, Option<String>) {
        let files = AwsFiles::of(CREDENTIALS, CONFIG, profile);
        (files.keys().map(|(_, value)| value).collect(), files.region().map(str::to_owned))
    }

    #[test]
    fn a_profile_has_its_own_keys_and_region() {
        assert_eq!(said("default"), (vec!["AAA".into(), "s/e=c+ret".into()], Some("eu-west-1".into())));
        assert_eq!(said("shop"), (vec!["BBB".into(), "other".into(), "tok".into()], Some("cn-north-1".into())));
        assert_eq!(said("nobody"), (vec![], None));
    }
}
