//! Distinguished names of certificates, as documents write them: `CN=app, O="Contoso, Inc."`.
//!
//! Two are the same when they have the same attributes, in any order: tools print the one that a certificate has from
//! either end.

use x509_parser::x509::X509Name;

/// A distinguished name: its attributes by type and value, ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<(String, String)>);

/// Types with their names; the first is the one that is compared (RFC 4514, section 3, and what Windows prints).
const TYPES: [(&str, &[&str]); 14] = [
    ("2.5.4.3", &["CN"]),
    ("2.5.4.4", &["SN"]),
    ("2.5.4.5", &["SERIALNUMBER"]),
    ("2.5.4.6", &["C"]),
    ("2.5.4.7", &["L"]),
    ("2.5.4.8", &["ST", "S"]),
    ("2.5.4.9", &["STREET"]),
    ("2.5.4.10", &["O"]),
    ("2.5.4.11", &["OU"]),
    ("2.5.4.12", &["T", "TITLE"]),
    ("2.5.4.42", &["G", "GN", "GIVENNAME"]),
    ("0.9.2342.19200300.100.1.1", &["UID"]),
    ("0.9.2342.19200300.100.1.25", &["DC"]),
    ("1.2.840.113549.1.9.1", &["E", "EMAIL", "EMAILADDRESS"]),
];

impl DistinguishedName {
    /// Reads one as it is written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut attributes = Vec::new();
        for part in parts(text)? {
            let (kind, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is no NAME=value"))?;
            attributes.push((type_of(kind.trim()), plain(value)));
        }
        if attributes.is_empty() {
            return Err("it is empty".to_owned());
        }
        attributes.sort();
        Ok(Self(attributes))
    }

    /// The name of a certificate.
    #[must_use]
    pub fn of(name: &X509Name<'_>) -> Self {
        let attributes = name.iter_attributes().map(|attribute| {
            let value = attribute.as_str().map_or_else(|_| hex(attribute.as_slice()), plain);
            (type_of(&attribute.attr_type().to_id_string()), value)
        });
        let mut attributes: Vec<_> = attributes.collect();
        attributes.sort();
        Self(attributes)
    }
}

/// What a value looks like that is no text.
fn hex(bytes: &[u8]) -> String {
    crate::model::hex(bytes)
}

/// The parts between `,`, `;` or `+`, quotes and backslashes taken off.
fn parts(text: &str) -> Result<Vec<String>, String> {
    let (mut parts, mut part, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' => part.extend(letters.next()),
            ',' | ';' | '+' if !is_quoted => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    if is_quoted {
        return Err("a quote is not closed".to_owned());
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    Ok(parts)
}

/// The type by its number, whichever way it is written.
fn type_of(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    let upper = upper.strip_prefix("OID.").unwrap_or(&upper);
    let known = TYPES.iter().find(|(_, names)| names.contains(&upper));
    known.map_or_else(|| upper.to_owned(), |(number, _)| (*number).to_owned())
}

/// A value for comparison: without regard to case and to the number of spaces (RFC 4518, section 2).
fn plain(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_what_they_say() {
        let same = [
            ("CN=a, O=b", "O=b,CN=a"),
            ("CN=a;O=b", "cn=A + o=B"),
            (r#"O="Contoso, Inc.""#, r"O=Contoso\, Inc."),
            ("S=Illinois", "ST=illinois"),
            ("E=a@b.c", "EMAILADDRESS=a@b.c"),
            ("OID.2.5.4.3=a", "CN=a"),
            ("CN=a  b", "CN= a b "),
        ];
        for (one, other) in same {
            assert_eq!(DistinguishedName::parse(one), DistinguishedName::parse(other), "{one} | {other}");
        }
        let different = [("CN=a", "CN=a, O=b"), ("CN=a", "OU=a"), ("CN=a, CN=a", "CN=a"), ("CN=a=b", "CN=a")];
        for (one, other) in different {
            assert_ne!(DistinguishedName::parse(one), DistinguishedName::parse(other), "{one} | {other}");
        }
    }

    #[test]
    fn what_is_no_name_is_told() {
        for text in ["", "Contoso", r#"CN="a"#, " , "] {
            assert!(DistinguishedName::parse(text).is_err(), "{text}");
        }
    }
}
