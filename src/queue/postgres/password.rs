//! Where a password comes from, as libpq has it: the address, `PGPASSWORD`, or a line of the password file.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a password file calls every way that is no network.
const LOCAL: &str = "localhost";

/// The longest password file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The password to connect with, if there is one.
///
/// # Errors
/// `PGPASSFILE` names a file that cannot be read, or that others can read.
pub(super) fn password_for(in_address: Option<&str>, config: &Config) -> Result<Option<SecretString>, String> {
    let given =
        in_address.map(str::to_owned).or_else(|| std::env::var("PGPASSWORD").ok().filter(|text| !text.is_empty()));
    if let Some(given) = given {
        return Ok(Some(SecretString::from(given)));
    }
    let named = std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual =
        || std::env::home_dir().map(|home| home.join(if cfg!(windows) { "postgresql/pgpass.conf" } else { ".pgpass" }));
    let Some(path) = named.clone().or_else(usual) else { return Ok(None) };
    if !path.is_file() {
        return match named {
            Some(path) => Err(format!("PGPASSFILE names {}, which is no file", path.display())),
            None => Ok(None),
        };
    }
    is_private(&path)?;
    let unreadable = |error: std::io::Error| format!("the password file {}: {error}", path.display());
    if path.metadata().map_err(unreadable)?.len() > MOST_BYTES {
        return Err(format!("the password file {} is over {MOST_BYTES} bytes long", path.display()));
    }
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    Ok(password_in(&text, config).map(SecretString::from))
}

/// A password that others can read is none; libpq does not use such a file either.
#[cfg(unix)]
fn is_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        path.metadata().map_err(|error| format!("the password file {}: {error}", path.display()))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "the password file {} can be read by others (mode {:04o}), so it is not used; `chmod 600` it",
        path.display(),
        mode & 0o7777
    ))
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> Result<(), String> {
    Ok(())
}

/// The password of the first line that fits: `host:port:database:user:password`, where `*` is anything.
fn password_in(text: &str, config: &Config) -> Option<String> {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(folder)) if folder != Path::new("/var/run/postgresql") && folder != Path::new("/tmp") => {
            folder.to_string_lossy().into_owned()
        }
        _ => config.get_hostaddrs().first().map_or_else(|| LOCAL.to_owned(), ToString::to_string),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let wanted = [host.as_str(), port.as_str(), database, user];
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(fields_of).find_map(|fields| {
        let [first @ .., password] = fields.as_slice() else { return None };
        let fits = first.len() == wanted.len()
            && first.iter().zip(wanted).all(|((field, is_any), wanted)| *is_any || field == wanted);
        fits.then(|| password.0.clone())
    })
}

/// The five fields of a line, each with whether it is a bare `*`. A backslash takes the next character as it is.
fn fields_of(line: &str) -> Vec<(String, bool)> {
    let (mut fields, mut field, mut raw) = (Vec::new(), String::new(), String::new());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // What follows the fourth colon is the password, colons and all.
            ':' if fields.len() < 4 => {
                let is_any = std::mem::take(&mut raw) == "*";
                fields.push((std::mem::take(&mut field), is_any));
                continue;
            }
            '\\' => {
                raw.push('\\');
                let next = characters.next().unwrap_or('\\');
                raw.push(next);
                field.push(next);
            }
            other => {
                raw.push(other);
                field.push(other);
            }
        }
    }
    fields.push((field, false));
    fields
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn found(file: &str, url: &str) -> Option<String> {
        password_in(file, &Config::from_str(url).expect("an address"))
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let file = "# a comment\n\ndb:5432:may:shop:one\ndb:*:may:*:two\n*:*:*:root:three\n";
        assert_eq!(found(file, "postgres://shop@db/may").as_deref(), Some("one"));
        assert_eq!(found(file, "postgres://shop@db:6432/may").as_deref(), Some("two"));
        assert_eq!(found(file, "postgres://root@other/june").as_deref(), Some("three"));
        assert_eq!(found(file, "postgres://shop@other/june"), None);
    }

    #[test]
    fn colons_and_backslashes_and_stars_are_escaped() {
        let file = "db:5432:ma\\:y:sh\\\\op:se\\:cr:et\\\\\ndb:5432:\\*:shop:literal";
        assert_eq!(found(file, "postgres://sh%5Cop@db/ma%3Ay").as_deref(), Some("se:cr:et\\"));
        assert_eq!(found(file, "postgres://shop@db/*").as_deref(), Some("literal"));
        assert_eq!(found(file, "postgres://shop@db/may"), None, "an escaped star is a star");
    }

    #[test]
    fn a_socket_in_the_usual_folder_is_localhost_and_another_one_is_itself() {
        let file = "localhost:5432:may:shop:usual\n/run/own:5432:may:shop:own\n";
        assert_eq!(found(file, "postgres://shop@%2Ftmp/may").as_deref(), Some("usual"));
        assert_eq!(found(file, "postgres:///may?host=/run/own&user=shop").as_deref(), Some("own"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:hush").expect("a file");
        for (mode, is_fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
            let said = is_private(&path);
            assert_eq!(said.is_ok(), is_fine, "{mode:o}");
            assert!(said.err().is_none_or(|why| why.contains("chmod 600") && !why.contains("hush")));
        }
    }
}
