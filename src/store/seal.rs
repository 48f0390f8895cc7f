//! Sealing of rows that hold secrets: AES-256-GCM, bound to the row's kind and id so that a sealed body cannot be
//! moved to another row. The key is a file beside the database, or the environment's.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{StoreError, ledger::chain::ChainKey};
use crate::model::Entropy;

const KEY_FILE: &str = "secret.key";

/// The key that rows with secrets are sealed with.
pub struct SecretKey {
    key: LessSafeKey,
    chain: ChainKey,
    entropy: Entropy,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// The key from `from_env` (the text of `TOLLGATE_SECRET_KEY`: base64 of 32 bytes) or else from `secret.key`
    /// in the data folder, which is made (0600) when it is missing.
    ///
    /// # Errors
    /// The text is not 32 bytes in base64, or the file can be neither read nor made.
    pub fn load(data_dir: &Path, from_env: Option<&str>, entropy: &Entropy) -> Result<Self, StoreError> {
        if let Some(text) = from_env {
            return Self::from_base64(text, "TOLLGATE_SECRET_KEY", entropy);
        }
        let path = data_dir.join(KEY_FILE);
        let text = read_or_make(&path, entropy).map_err(|source| StoreError::File { path: path.clone(), source })?;
        Self::from_base64(&text, &path.display().to_string(), entropy)
    }

    fn from_base64(text: &str, named: &str, entropy: &Entropy) -> Result<Self, StoreError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).unwrap_or_default());
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| StoreError::SecretKey(named.to_owned()))?;
        let chain = ChainKey::derive(&bytes);
        Ok(Self { key: LessSafeKey::new(key), chain, entropy: entropy.clone() })
    }

    /// The key that the ledger's chain of rows is made with.
    pub(super) const fn chain(&self) -> &ChainKey {
        &self.chain
    }

    /// `nonce ‖ ciphertext ‖ tag`. The nonce is random: far fewer than 2³² rows are ever sealed with one key.
    pub(super) fn seal(&self, kind: &str, id: &str, clear: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let mut sealed = clear.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(kind, id), &mut sealed)
            .expect("AES-GCM refuses only messages beyond 64 GiB");
        [&nonce[..], &sealed].concat()
    }

    /// The clear bytes, or nothing when key, row or bytes are not those that were sealed.
    pub(super) fn open(&self, kind: &str, id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let clear = self.key.open_in_place(nonce, bound_to(kind, id), &mut rest).ok()?.len();
        rest.truncate(clear);
        Some(rest)
    }
}

fn bound_to(kind: &str, id: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("tollgate/{kind}/{id}").into_bytes())
}

fn read_or_make(path: &Path, entropy: &Entropy) -> io::Result<Zeroizing<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path, entropy)?;
            fs::read_to_string(path).map(Zeroizing::new)
        }
        Err(error) => Err(error),
    }
}

/// Written aside, synced, then linked into place: of two processes that start at once one wins and both read the
/// same whole key, and a crash never leaves half a key.
fn make(path: &Path, entropy: &Entropy) -> io::Result<()> {
    let aside = path.with_extension(format!("{:016x}", entropy.below(u64::MAX)));
    let mut key = Zeroizing::new([0; 32]);
    entropy.fill(&mut *key);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let linked = file
        .write_all(STANDARD.encode(*key).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(folder: &Path) -> SecretKey {
        SecretKey::load(folder, None, &Entropy::system()).expect("a key")
    }

    #[test]
    fn what_was_sealed_opens_in_its_own_row_only() {
        let folder = tempfile::tempdir().expect("folder");
        let sealed = key(folder.path()).seal("backends", "a", b"secret");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        let again = key(folder.path());
        assert_eq!(again.open("backends", "a", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(again.open("backends", "b", &sealed), None);
        assert_eq!(again.open("backends", "a", &sealed[..sealed.len() - 1]), None);
        assert_eq!(again.open("backends", "a", &[]), None);
        let other = tempfile::tempdir().expect("folder");
        assert_eq!(key(other.path()).open("backends", "a", &sealed), None);
    }

    #[test]
    fn the_key_file_is_private_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("folder");
        key(folder.path());
        let mode = fs::metadata(folder.path().join(KEY_FILE)).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[test]
    fn a_key_that_is_not_32_bytes_is_refused_with_the_place_it_came_from() {
        let folder = tempfile::tempdir().expect("folder");
        for bad in ["", "short", "AAAA", &STANDARD.encode([0; 33])] {
            let refused = SecretKey::load(folder.path(), Some(bad), &Entropy::system()).expect_err(bad);
            assert!(refused.to_string().contains("TOLLGATE_SECRET_KEY"), "{refused}");
        }
        assert!(SecretKey::load(folder.path(), Some(&STANDARD.encode([7; 32])), &Entropy::system()).is_ok());
    }
}
