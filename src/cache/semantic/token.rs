//! A prompt's words, numbers, signs and quoted parts, each in one spelling.
//!
//! `30s` is a number and a unit, `six-month-old` three words with a number first, `What's` two; what looks like an id, a
//! version or code keeps every character. Deliberately not here: which words carry the question (`form`).

use super::{
    phrases::phrases,
    spelling::{CONTRACTIONS, MONTHS, NUMBERS, TENS, UNITS},
};

/// Parts what a question is about from the question.
const HEAD: &str = ":";
/// Words that begin a question after a heading.
const ASKING: &[&str] = &[
    "what", "which", "who", "whose", "when", "where", "why", "how", "is", "are", "do", "does", "did", "can", "could",
    "should", "may", "must",
];

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    /// An id, a version, code, a sign: nothing about it may differ.
    Exact,
    /// A comma or another pause.
    Pause,
}

/// One of them, in one spelling.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Written with a capital although nothing begins there: a name.
    pub(super) name: bool,
}

impl Token {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), name: false }
    }
}

/// The tokens of a text, and the parts of it that are quoted: code, data, what follows a colon.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Vec<String>) {
    let text = text.trim().replace(['’', 'ʼ'], "'").replace('\u{a0}', " ").replace(['–', '—', '−'], "-");
    let (prose, quoted) = without_quoted(&text);
    let mut tokens = Vec::new();
    let shouted = !prose.chars().any(char::is_lowercase);
    for chunk in prose.split_whitespace() {
        let before = tokens.len();
        read(chunk, &mut tokens);
        let begins = before == 0 || tokens.get(before - 1).is_some_and(|token: &Token| token.kind == Kind::Pause);
        if let Some(token) = tokens.get_mut(before) {
            token.name = !shouted && !begins && chunk.starts_with(char::is_uppercase);
        }
    }
    (numbered(tokens), quoted)
}

/// Everything after the first line and after a colon, and whatever stands in quotes or backticks.
fn without_quoted(text: &str) -> (String, Vec<String>) {
    let (line, below) = text.split_once('\n').unwrap_or((text, ""));
    let headed = headed(line);
    let (line, after) = match &headed {
        Some(line) => (line.as_str(), ""),
        None => line.split_once(": ").unwrap_or((line, "")),
    };
    let mut parts = line.split(['"', '“', '”', '„', '«', '»', '`']);
    let mut prose = parts.next().unwrap_or_default().to_owned();
    let mut quoted = Vec::new();
    while let Some(inside) = parts.next() {
        quoted.push(inside.to_owned());
        prose.push(' ');
        prose.push_str(parts.next().unwrap_or_default());
    }
    quoted.extend([after, below].into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
    (prose, quoted)
}

/// `Texas: is it legal?` names what the question is about; what follows is no data. Orders are followed by data.
fn headed(line: &str) -> Option<String> {
    let (head, question) = line.split_once(": ")?;
    let plain = |char: char| char.is_alphanumeric() || char == ' ' || char == '-' || char == '\'';
    let words = head.split(' ').count();
    let orders = |word: &str| phrases().orders.contains(&word.to_lowercase());
    let begins = question.split([' ', '\'']).next().unwrap_or_default().to_lowercase();
    let asks = line.trim_end().ends_with('?') && ASKING.contains(&begins.as_str());
    let is_head = words <= 4 && head.chars().all(plain) && !head.split(' ').any(orders);
    (asks && is_head && !question.contains(": ")).then(|| format!("{head} {HEAD} {question}"))
}

fn read(chunk: &str, out: &mut Vec<Token>) {
    if chunk == HEAD {
        out.push(Token::new(Kind::Pause, HEAD));
        return;
    }
    let start = chunk.trim_start_matches(['(', '\'', '¿', '¡']);
    let bare = start.trim_end_matches([',', ';', ':', '!', '?', '.', ')', '\'']);
    if start.len() < chunk.len() && chunk.starts_with('(') {
        out.push(Token::new(Kind::Pause, ","));
    }
    if bare.is_empty() {
        out.extend((!start.is_empty() && !start.starts_with(['!', '?', '.'])).then(|| Token::new(Kind::Pause, ",")));
        return;
    }
    word(bare, out);
    if start[bare.len()..].contains([',', ';', ':', ')', '.', '!', '?']) {
        out.push(Token::new(Kind::Pause, ","));
    }
}

fn word(bare: &str, out: &mut Vec<Token>) {
    let lower = bare.to_lowercase();
    if let Some((number, rest)) = number(&lower) {
        amount(number, rest, out);
    } else if bare.starts_with(['$', '£', '€', '¥']) && number(&lower[currency(&lower)..]).is_some() {
        word(&bare[currency(bare)..], out);
        out.push(Token::new(Kind::Exact, &bare[..currency(bare)]));
    } else if bare.chars().all(|char| char.is_alphabetic() || is_mark(char) || char == '\'') {
        out.extend(written_out(&lower, bare).into_iter().map(|word| Token::new(Kind::Word, word)));
    } else if is_compound(bare) {
        bare.split('-').filter(|part| !part.is_empty()).for_each(|part| word(part, out));
    } else {
        out.push(Token::new(Kind::Exact, bare));
    }
}

fn currency(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn is_mark(char: char) -> bool {
    unicode_normalization::char::is_combining_mark(char)
}

/// `two-factor`, `6-month-old`; not `ABC-123`, `2024-03-01`, `-x`.
fn is_compound(bare: &str) -> bool {
    let part = |part: &str| {
        let digits = !part.is_empty() && part.chars().all(|char| char.is_ascii_digit());
        digits || !part.is_empty() && part.chars().all(|char| char.is_alphabetic() || char == '\'')
    };
    let has_digits = bare.contains(|char: char| char.is_ascii_digit());
    let shouts = bare.chars().any(char::is_uppercase);
    let words = bare.split('-').filter(|part| part.starts_with(char::is_alphabetic)).count();
    bare.contains('-') && bare.split('-').all(part) && words > 0 && !(has_digits && shouts)
}

/// The number that a text begins with, its thousands joined, and what follows it.
fn number(text: &str) -> Option<(String, &str)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits.find(|char: char| !char.is_ascii_digit() && char != '.' && char != ',').unwrap_or(digits.len());
    let figures = digits[..end].trim_end_matches(['.', ',']);
    if !figures.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let dated = digits[end..].starts_with('-') && digits[end..][1..].starts_with(|char: char| char.is_ascii_digit());
    if dated {
        return None;
    }
    let signed = &text[..text.len() - digits.len() + figures.len()];
    let mut groups = figures.split('.').next().unwrap_or_default().split(',').skip(1);
    let thousands = groups.all(|group| group.len() == 3);
    let joined = if thousands { signed.replace(',', "") } else { signed.to_owned() };
    Some((joined, &digits[figures.len()..]))
}

/// A number and what is written against it: a unit, an ordinal's ending, or something that makes it an id.
fn amount(number: String, rest: &str, out: &mut Vec<Token>) {
    let rest = rest.trim_start_matches('-');
    let parts = || rest.split('-').all(|part| !part.is_empty() && part.chars().all(char::is_alphabetic));
    match rest {
        "" => out.push(Token::new(Kind::Number, number)),
        "st" | "nd" | "rd" | "th" => out.push(Token::new(Kind::Number, number + rest)),
        "%" => out.extend([Token::new(Kind::Number, number), Token::new(Kind::Word, "percent")]),
        _ if UNITS.contains(&rest) || (rest.contains('-') || rest.len() > 2) && parts() => {
            out.push(Token::new(Kind::Number, number));
            rest.split('-').for_each(|part| word(whole_unit(part), out));
        }
        _ => out.push(Token::new(Kind::Exact, number + rest)),
    }
}

/// Units of one letter and `min`, which alone could be something else.
fn whole_unit(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "h" => "hour",
        "d" => "day",
        "min" => "minute",
        _ => unit,
    }
}

/// The words that a contraction stands for. `'s` after what is no question word is a genitive.
fn written_out(lower: &str, bare: &str) -> Vec<String> {
    if bare.len() > 1 && matches!(bare, "IT" | "US" | "WHO" | "AIDS" | "OR" | "ME") {
        return vec![bare.to_owned()];
    }
    if let Some((_, long)) = CONTRACTIONS.iter().find(|(short, _)| *short == lower) {
        return long.split(' ').map(str::to_owned).collect();
    }
    if let Some(owner) = lower.strip_suffix("'s") {
        return vec![owner.to_owned(), "'s".to_owned()];
    }
    vec![lower.to_owned()]
}

/// Number words as numbers (`twenty five` is one), and the day beside a month without its ending.
fn numbered(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        let value = NUMBERS.iter().find(|(word, _)| token.kind == Kind::Word && *word == token.text);
        if let Some((_, value)) = value {
            let tens = out.last().is_some_and(|last| *value < 10 && TENS.contains(&last.text.as_str()));
            if tens && let Some(last) = out.last_mut() {
                last.text.replace_range(1.., &value.to_string());
                continue;
            }
            token = Token::new(Kind::Number, value.to_string());
        }
        out.push(token);
    }
    for at in 0..out.len() {
        let month =
            |at: Option<usize>| at.and_then(|at| out.get(at)).is_some_and(|near| MONTHS.contains(&near.text.as_str()));
        let of = out.get(at + 1).is_some_and(|next| next.text == "of") && month(Some(at + 2));
        if out[at].kind == Kind::Number && (month(at.checked_sub(1)) || month(Some(at + 1)) || of) {
            let plain = out[at].text.trim_end_matches(char::is_alphabetic).to_owned();
            out[at].text = plain;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    fn read(text: &str) -> String {
        let (tokens, quoted) = tokens(text);
        let shown = tokens.iter().filter(|token| token.kind != Kind::Pause).map(|token| token.text.as_str());
        shown.chain(quoted.iter().map(String::as_str)).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn one_spelling_for_one_thing() {
        for (text, expected) in [
            ("What's up?", "what|is|up"),
            ("a six-month-old", "a|6|month|old"),
            ("a 6-month-old baby", "a|6|month|old|baby"),
            ("30s or 30 s", "30|second|or|30|s"),
            ("metformin 500mg", "metformin|500|mg"),
            ("twenty-five and thirty one", "25|and|31"),
            ("1,000,000 or 4, 1, 9", "1000000|or|4|1|9"),
            ("the 3rd of March", "the|3|of|march"),
            ("the 3rd option", "the|3rd|option"),
            ("£50 or $1.50", "50|£|or|1.50|$"),
            ("-5 in C++ v1.2", "-5|in|C++|v1.2"),
            ("ABC-123 on 2024-03-01", "ABC-123|on|2024-03-01"),
            ("at 9:15", "at|9:15"),
            ("Mary's, the dogs' bowl", "mary|'s|the|dogs|bowl"),
            ("say \"Hi there\" to IT", "say|to|IT|Hi there"),
            ("Sort this: B, a", "sort|this|B, a"),
            ("Fix:\nfn a()", "fix|fn a()"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
