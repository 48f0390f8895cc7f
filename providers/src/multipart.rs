//! The framing of `multipart/form-data` bodies: where each named field's value lies.
//!
//! Strict where being lenient would let a body mean one thing here and another at the backend: the boundary must
//! occur as a delimiter only, a name once, and routing fields must be plain text. Deliberately not here: the files.

use std::ops::Range;

use memchr::memmem;

use crate::head::BadBody;

/// Longest boundary that RFC 2046 section 5.1.1 allows.
const MOST_BOUNDARY: usize = 70;
/// Longest header block of one part; real ones have under 200 bytes.
const MOST_PART_HEADERS: usize = 16 * 1024;
/// Longest value of a field that routing reads.
const MOST_TEXT: usize = 4 * 1024;
/// Most parts of one body.
const MOST_PARTS: usize = 1024;

/// A part with a name.
pub(crate) struct Field {
    /// `name` of its Content-Disposition.
    pub name: String,
    /// Where its value lies.
    pub value: Range<usize>,
    /// Whether it came with a file name.
    pub is_file: bool,
}

impl Field {
    /// The value as text, for fields that routing reads.
    pub(crate) fn text(&self, body: &[u8]) -> Result<String, BadBody> {
        if self.is_file {
            return Err(BadBody::Multipart("a field that must be text came as a file"));
        }
        let value = &body[self.value.clone()];
        if value.len() > MOST_TEXT {
            return Err(BadBody::Multipart("a text field is longer than 4 KiB"));
        }
        let text = std::str::from_utf8(value).map_err(|_| BadBody::Multipart("a text field is not UTF-8"))?;
        Ok(text.to_owned())
    }
}

/// The boundary, when the content type is multipart at all.
pub(crate) fn boundary(content_type: &str) -> Option<Result<String, BadBody>> {
    let (kind, rest) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let named = parameters(rest).and_then(|all| only(&all, "boundary"));
    let good = |text: &String| !text.is_empty() && text.len() <= MOST_BOUNDARY && text.is_ascii();
    Some(
        named.and_then(|found| {
            found.filter(good).ok_or(BadBody::Multipart("its content type names no usable boundary"))
        }),
    )
}

/// The named parts in their order. A name that routing reads may occur once only.
pub(crate) fn fields(boundary: &str, body: &[u8]) -> Result<Vec<Field>, BadBody> {
    let mut fields: Vec<Field> = Vec::new();
    for part in parts(boundary, body)? {
        let Some(field) = field(body, part)? else { continue };
        let routed = matches!(field.name.as_str(), "model" | "stream" | "purpose" | "file");
        if routed && fields.iter().any(|other| other.name == field.name) {
            return Err(BadBody::DuplicateKey(field.name));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// Where the first delimiter begins.
pub(crate) fn first_delimiter(boundary: &str, body: &[u8]) -> Option<usize> {
    memmem::find(body, format!("--{boundary}").as_bytes())
}

/// The ranges between delimiters.
fn parts(boundary: &str, body: &[u8]) -> Result<Vec<Range<usize>>, BadBody> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    for at in memmem::find_iter(body, delimiter.as_bytes()) {
        let starts_line = at == 0 || body[..at].ends_with(b"\r\n");
        let after = &body[at + delimiter.len()..];
        let (last, skip) = ending(after).filter(|_| starts_line).ok_or(BadBody::Multipart("ambiguous boundary"))?;
        if let Some(start) = open {
            // The line break before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
            let end = at.checked_sub(2).filter(|end| *end >= start).ok_or(BadBody::Multipart("an empty part"))?;
            parts.push(start..end);
        }
        if last {
            return Ok(parts);
        }
        if parts.len() > MOST_PARTS {
            return Err(BadBody::Multipart("more than 1024 parts"));
        }
        open = Some(at + delimiter.len() + skip);
    }
    Err(BadBody::Multipart("the closing boundary is missing"))
}

/// What follows a delimiter: whether it is the last one, and how many bytes to skip. `None`: no delimiter at all.
fn ending(after: &[u8]) -> Option<(bool, usize)> {
    if after.starts_with(b"--") {
        return Some((true, 2));
    }
    let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    after[blanks..].starts_with(b"\r\n").then_some((false, blanks + 2))
}

fn field(body: &[u8], part: Range<usize>) -> Result<Option<Field>, BadBody> {
    let bytes = &body[part.clone()];
    let window = &bytes[..bytes.len().min(MOST_PART_HEADERS)];
    let headers = memmem::find(window, b"\r\n\r\n").ok_or(BadBody::Multipart("a part without headers"))?;
    let text = std::str::from_utf8(&bytes[..headers]).map_err(|_| BadBody::Multipart("part headers are not UTF-8"))?;
    let mut dispositions = text.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let Some(disposition) = dispositions.next() else { return Ok(None) };
    if dispositions.next().is_some() {
        return Err(BadBody::Multipart("a part with two Content-Disposition headers"));
    }
    let parameters = parameters(disposition.split_once(';').map_or("", |(_, rest)| rest))?;
    let is_file = parameters.iter().any(|(name, _)| name == "filename" || name == "filename*");
    let value = part.start + headers + 4..part.end;
    Ok(only(&parameters, "name")?.map(|name| Field { name, value, is_file }))
}

fn only(parameters: &[(String, String)], wanted: &str) -> Result<Option<String>, BadBody> {
    let mut found = parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let first = found.next();
    if found.next().is_some() {
        return Err(BadBody::Multipart("a header parameter occurs twice"));
    }
    Ok(first)
}

/// `; name=value; name="quoted \" value"` as lower-case names and their values.
fn parameters(mut rest: &str) -> Result<Vec<(String, String)>, BadBody> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let Some((name, value)) = rest.split_once('=') else { return Ok(found) };
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            unquoted(quoted).ok_or(BadBody::Multipart("a quoted parameter does not end"))?
        } else {
            let end = value.find(';').unwrap_or(value.len());
            (value[..end].trim().to_owned(), &value[end..])
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = after;
    }
}

fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}
