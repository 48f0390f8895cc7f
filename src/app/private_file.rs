//! Files that hold secrets: readable by their owner only, replaced whole, never followed through a link.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use crate::model::Secret;

/// Makes the folder (0700) with its parents; one that exists is left as it is.
pub fn folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Replaces `path` by `text`, mode 0600. Readers see the old text or the new one, never a part.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let next = path.with_extension("new");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // create_new: a link that someone planted under this name is refused, not followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&next, path)
}

/// The value of the line `name: value` in `path`; `None` when there is no such file or line.
pub fn read_line(path: &Path, name: &str) -> io::Result<Option<Secret>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Secret::from(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let value = text.expose().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Ok(value.map(Secret::from))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn written_for_the_owner_only_and_replaced_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/first-login.txt");
        folder(path.parent().expect("a parent")).expect("made");
        for text in ["key: one, much longer\n", "key: two\n"] {
            write(&path, text).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(read_line(&path, "key").expect("read"), Some(Secret::from("two")));
        assert_eq!(read_line(&path, "sign_in").expect("read"), None);
        assert_eq!(read_line(&dir.path().join("none"), "key").expect("no failure"), None);
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let victim = dir.path().join("victim");
        fs::write(&victim, "untouched").expect("written");
        std::os::unix::fs::symlink(&victim, dir.path().join("f.new")).expect("linked");
        std::os::unix::fs::symlink(&victim, dir.path().join("f.txt")).expect("linked");
        write(&dir.path().join("f.txt"), "secret").expect("written");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "untouched");
    }
}
