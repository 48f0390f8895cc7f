//! Lets `${...}` stand unquoted in YAML's flow style.

/// `${NAME:-a, b}` uses characters that end an unquoted scalar in YAML's flow style, in which people do write
/// `{ key: ${NAME} }`. The veil replaces them inside `${...}`, one for one, by private-use characters that the text
/// does not contain, before parsing, and the lifting restores them in what was parsed: positions stay right.
pub(super) struct Veil {
    pub(super) text: String,
    base: u32,
}

const VEILED: [char; 7] = ['{', '}', '[', ']', ',', ':', '#'];

impl Veil {
    pub(super) fn over(text: &str) -> Self {
        let unused = |base: &u32| !text.chars().any(|c| (*base..*base + 7).contains(&u32::from(c)));
        let base = (0xF_0000..0xF_F000).step_by(8).find(unused).unwrap_or(0xF_0000);
        let mut veiled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            veiled.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            let line = rest.find('\n').unwrap_or(rest.len());
            let Some(end) = rest[..line].find('}') else { continue };
            veiled.extend(rest[..=end].chars().map(|c| Self::hide(base, c)));
            rest = &rest[end + 1..];
        }
        veiled.push_str(rest);
        Self { text: veiled, base }
    }

    fn hide(base: u32, c: char) -> char {
        let veil = VEILED.iter().zip(base..).find(|(veiled, _)| **veiled == c);
        veil.and_then(|(_, code)| char::from_u32(code)).unwrap_or(c)
    }

    pub(super) fn lift(&self, text: &str) -> String {
        let reveal = |c: char| u32::from(c).checked_sub(self.base).and_then(|at| VEILED.get(at as usize));
        text.chars().map(|c| reveal(c).copied().unwrap_or(c)).collect()
    }
}
