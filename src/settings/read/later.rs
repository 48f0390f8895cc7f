//! Settings that the manual speaks of and this version does not have yet: refused with a clear sentence, because a
//! limit that is accepted and ignored is worse than none.

/// Type of the settings, and the fields of it that belong to later versions.
const LATER: &[(&str, &[&str])] = &[
    ("Settings", &["limits", "policy", "tags", "version_sets"]),
    ("Backend", &["auth"]),
    ("Credential", &["auth"]),
    ("Model", &["policy"]),
    ("Subscription", &["policy"]),
    ("Api", &["releases", "revisions", "tags"]),
    ("Operation", &["limits"]),
    ("Workspace", &["limits"]),
    ("Group", &["limits"]),
];

/// Words of choices that belong to later versions: the schema does not offer them.
pub const LATER_WORDS: &[&str] = &["bedrock"];

/// The message for a field of a later version.
pub(super) fn refusal(of: &str, field: &str) -> Option<String> {
    let (_, fields) = LATER.iter().find(|(name, _)| *name == of)?;
    fields.contains(&field).then(|| not_available(field))
}

/// The sentence for anything that a later version brings.
pub fn not_available(what: &str) -> String {
    format!("`{what}` is not available in this version of Tollgate; remove it (see CHANGELOG)")
}
