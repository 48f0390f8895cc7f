//! Reading JSON as Newtonsoft does: also single quotes, bare names, comments and trailing commas; ISO dates become dates.

use std::sync::Arc;

use super::{
    Decimal, Json, Thrown, Value,
    json::{JsonArray, JsonObject, MAX_DEPTH},
    time_parse,
};

impl Json {
    /// Reads a document.
    ///
    /// # Errors
    /// `JsonReaderException` for what is not JSON, for what follows it, and for nesting beyond 128.
    pub fn parse(text: &str) -> Result<Self, Thrown> {
        Self::read(text, true)
    }

    /// Reads a document in which text stays text, whatever it looks like.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub(crate) fn parse_plain(text: &str) -> Result<Self, Thrown> {
        Self::read(text, false)
    }

    fn read(text: &str, dates: bool) -> Result<Self, Thrown> {
        let mut reader = Reader { text: text.trim_start_matches('\u{feff}'), at: 0, dates };
        let json = reader.value(0)?;
        reader.space()?;
        if reader.at < reader.text.len() {
            return Err(reader.broken("Additional text encountered after finished reading JSON content"));
        }
        Ok(json)
    }
}

impl Value {
    /// A JSON token from text.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn from_json(text: &str) -> Result<Self, Thrown> {
        Json::parse(text).map(Self::Json)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether text that looks like a date becomes one.
    dates: bool,
}

impl Reader<'_> {
    fn broken(&self, what: &str) -> Thrown {
        let before = &self.text[..self.at.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        Thrown::new("JsonReaderException", format!("{what}. Path '', line {line}, position {column}."))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> Thrown {
        match self.text[self.at..].chars().next() {
            Some(found) => self.broken(&format!("Unexpected character encountered while parsing value: {found}")),
            None => self.broken("Unexpected end of content while reading JSON"),
        }
    }

    fn space(&mut self) -> Result<(), Thrown> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.at += trimmed.find("*/").ok_or_else(|| self.broken("Unexpected end while parsing comment"))? + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Thrown> {
        self.space()?;
        if depth > MAX_DEPTH {
            return Err(self.broken(&format!("The reader's MaxDepth of {MAX_DEPTH} has been exceeded")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(quote @ (b'"' | b'\'')) => {
                let text = self.string(quote)?;
                let date = if self.dates { time_parse::json_date(&text) } else { None };
                Ok(date.map_or_else(|| Json::String(text.into()), Json::Date))
            }
            Some(_) => self.word(),
            None => Err(self.unexpected()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Thrown> {
        self.at += 1;
        let object = JsonObject::default();
        loop {
            self.space()?;
            match self.peek() {
                Some(b'}') => break,
                None => return Err(self.unexpected()),
                Some(_) => {}
            }
            let name = self.name()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return Err(self.broken("Invalid character after parsing property name. Expected ':'"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            object.set(name, value);
            self.space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.broken("After parsing a value an unexpected character was encountered")),
            }
        }
        self.at += 1;
        Ok(Json::Object(Arc::new(object)))
    }

    fn name(&mut self) -> Result<String, Thrown> {
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            return self.string(quote);
        }
        let word = self.bare();
        if word.is_empty() { Err(self.unexpected()) } else { Ok(word.to_owned()) }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Thrown> {
        self.at += 1;
        let array = JsonArray::default();
        loop {
            self.space()?;
            if self.peek() == Some(b']') {
                break;
            }
            array.push(self.value(depth + 1)?);
            self.space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.broken("After parsing a value an unexpected character was encountered")),
            }
        }
        self.at += 1;
        Ok(Json::Array(Arc::new(array)))
    }

    fn bare(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | '$')))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self) -> Result<Json, Thrown> {
        let start = self.at;
        let json = match self.bare() {
            "null" | "undefined" => Some(Json::Null),
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "NaN" => Some(Json::Float(f64::NAN)),
            "Infinity" => Some(Json::Float(f64::INFINITY)),
            "-Infinity" => Some(Json::Float(f64::NEG_INFINITY)),
            word => number(word),
        };
        json.ok_or_else(|| {
            self.at = start;
            self.unexpected()
        })
    }

    fn string(&mut self, quote: u8) -> Result<String, Thrown> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(plain) = rest.iter().position(|byte| *byte == quote || *byte == b'\\') else {
                return Err(self.broken("Unterminated string. Expected delimiter"));
            };
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain + 1;
            if rest[plain] == quote {
                return Ok(out);
            }
            self.escape(&mut out)?;
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Thrown> {
        let Some(letter) = self.text[self.at..].chars().next() else {
            return Err(self.broken("Unterminated string. Expected delimiter"));
        };
        self.at += letter.len_utf8();
        out.push(match letter {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\'' | '\\' | '/' => letter,
            'u' => return self.unicode(out),
            _ => return Err(self.broken(&format!("Bad JSON escape sequence: \\{letter}"))),
        });
        Ok(())
    }

    fn unicode(&mut self, out: &mut String) -> Result<(), Thrown> {
        let first = self.hex()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            units.push(self.hex()?);
        }
        out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')));
        Ok(())
    }

    fn hex(&mut self) -> Result<u16, Thrown> {
        let unit = self.text.get(self.at..self.at + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += if unit.is_some() { 4 } else { 0 };
        unit.ok_or_else(|| self.broken("Could not parse Unicode escape"))
    }
}

fn number(word: &str) -> Option<Json> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || word.contains(['_', '$', '+']) && !word.contains(['e', 'E'])
    {
        return None;
    }
    if let Ok(value) = word.parse::<i64>() {
        return Some(Json::Int(value));
    }
    // Beyond `long` Newtonsoft keeps every digit; here 28 of them are kept.
    let whole = digits.bytes().all(|digit| digit.is_ascii_digit());
    match Decimal::parse(word).filter(|_| whole) {
        Some(big) => Some(Json::Decimal(big.into())),
        None => word.parse::<f64>().ok().map(Json::Float),
    }
}

impl From<&serde_json::Value> for Json {
    /// The same document; numbers that are no `i64` become doubles. Dates stay text.
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as Read;
        match json {
            Read::Null => Self::Null,
            Read::Bool(value) => Self::Bool(*value),
            Read::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Read::String(text) => Self::string(text.as_str()),
            Read::Array(items) => Self::array(items.iter().map(Self::from)),
            Read::Object(members) => {
                Self::object(members.iter().map(|(name, value)| (name.as_str().into(), Self::from(value))))
            }
        }
    }
}
