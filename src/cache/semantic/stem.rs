//! One form for a word's inflections: `bookings` and `booked` are `book`. Never a derivation: an `employer` does not
//! `employ` himself, and `university` is no `universe`.
//!
//! Deliberately not here: synonyms and nominalisations, which a person wrote down (`synonyms`).

use super::{builtin::builtin, spelling::UNBENDING};

const IRREGULAR: &[(&str, &str)] = &[
    ("men", "man"),
    ("women", "woman"),
    ("people", "person"),
    ("feet", "foot"),
    ("teeth", "tooth"),
    ("mice", "mouse"),
    ("lives", "life"),
    ("knives", "knife"),
    ("wives", "wife"),
    ("leaves", "leaf"),
    ("bought", "buy"),
    ("sent", "send"),
    ("paid", "pay"),
    ("sold", "sell"),
    ("made", "make"),
    ("wrote", "write"),
    ("written", "write"),
    ("taken", "take"),
    ("took", "take"),
    ("given", "give"),
    ("gave", "give"),
    ("got", "get"),
    ("gotten", "get"),
    ("held", "hold"),
    ("kept", "keep"),
    ("left", "leave"),
    ("lost", "lose"),
    ("built", "build"),
    ("found", "find"),
    ("chosen", "choose"),
    ("broken", "break"),
    ("broke", "break"),
    ("began", "begin"),
    ("begun", "begin"),
    ("frozen", "freeze"),
    ("froze", "freeze"),
    ("dying", "die"),
    ("lying", "lie"),
    ("criteria", "criterion"),
    ("indices", "index"),
    ("taxes", "tax"),
    ("gone", "go"),
    ("went", "go"),
    ("goes", "go"),
    ("done", "do"),
    ("doing", "do"),
    ("using", "use"),
    ("used", "use"),
    ("stolen", "steal"),
    ("spoken", "speak"),
    ("driven", "drive"),
    ("flew", "fly"),
    ("flown", "fly"),
    ("caught", "catch"),
    ("taught", "teach"),
    ("calories", "calorie"),
    ("adding", "add"),
    ("added", "add"),
    ("adds", "add"),
    ("changing", "change"),
    ("changed", "change"),
    ("works", "work"),
    ("ate", "eat"),
    ("eaten", "eat"),
    ("drank", "drink"),
    ("drunk", "drink"),
    ("came", "come"),
    ("became", "become"),
    ("ran", "run"),
    ("won", "win"),
    ("met", "meet"),
    ("drove", "drive"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("knew", "know"),
    ("known", "know"),
    ("saw", "see"),
    ("seen", "see"),
    ("stole", "steal"),
    ("spoke", "speak"),
    ("chose", "choose"),
    ("spent", "spend"),
    ("lent", "lend"),
    ("brought", "bring"),
    ("thought", "think"),
    ("died", "die"),
    ("dies", "die"),
    ("tied", "tie"),
];

/// The form that all inflections of a word share.
pub(super) fn stem(word: &str) -> String {
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    if word.len() <= 3 || UNBENDING.contains(&word) || !word.is_ascii() {
        return spelt(word);
    }
    spelt(&verb(&singular(word)))
}

fn singular(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies").filter(|rest| rest.len() > 2) {
        let (short, long) = (format!("{rest}y"), format!("{rest}ie"));
        return if builtin().knows(&long) && !builtin().knows(&short) { long } else { short };
    }
    let hissing = ["toes", "does", "goes", "noes"].iter().any(|end| word.len() > 5 && word.ends_with(end))
        || ["sses", "xes", "ches", "shes", "zzes"].iter().any(|end| word.ends_with(end));
    if hissing {
        return word[..word.len() - 2].to_owned();
    }
    let plural = word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    word[..word.len() - usize::from(plural)].to_owned()
}

fn verb(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ied").filter(|rest| rest.len() > 2) {
        return format!("{rest}y");
    }
    let rest = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed"));
    let vowel =
        |rest: &&str| rest.len() > 2 && rest.contains(['a', 'e', 'i', 'o', 'u', 'y']) && !UNBENDING.contains(&word);
    rest.filter(vowel).map_or_else(|| word.to_owned(), completed)
}

/// The verb before `-ing` and `-ed`: its doubled consonant single again, its silent e back.
fn completed(rest: &str) -> String {
    let bytes = rest.as_bytes();
    let [.., before, last] = bytes else { return rest.to_owned() };
    let vowel = |byte: u8| b"aeiou".contains(&byte);
    let known = |word: &str| builtin().knows(word);
    let shorter = &rest[..rest.len() - 1];
    if before == last && !vowel(*last) {
        let single = !b"lsfz".contains(last) || known(shorter) && !known(rest);
        return if single { shorter.to_owned() } else { rest.to_owned() };
    }
    let longer = format!("{rest}e");
    let short = bytes.len() == 3 && vowel(*before) && !vowel(*last) && !vowel(bytes[0]) && !b"wxy".contains(last);
    let made = (rest.ends_with("at") || rest.ends_with("iz")) && rest.len() > 4 && !known(rest);
    if known(&longer) && (!known(rest) || short) || made || matches!(last, b'v' | b'u') {
        longer
    } else {
        rest.to_owned()
    }
}

/// American spelling where only the spelling differs.
fn spelt(word: &str) -> String {
    let ends = [
        ("ise", "ize"),
        ("isation", "ization"),
        ("yse", "yze"),
        ("our", "or"),
        ("tre", "ter"),
        ("ogue", "og"),
        ("ourite", "orite"),
        ("elling", "eling"),
        ("ellation", "elation"),
        ("oured", "ored"),
        ("ourful", "orful"),
    ];
    let found = ends.iter().find_map(|(british, american)| {
        word.strip_suffix(british)
            .filter(|rest| rest.len() > 2 && word.len() > 5)
            .map(|rest| format!("{rest}{american}"))
    });
    found.unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn inflections_share_a_form() {
        for (one, other) in [
            ("booking", "book"),
            ("cancelled", "cancel"),
            ("cancelling", "canceled"),
            ("rated", "rate"),
            ("visiting", "visit"),
            ("applies", "apply"),
            ("applied", "apply"),
            ("boxes", "box"),
            ("stopping", "stop"),
            ("pancakes", "pancake"),
            ("colours", "color"),
            ("organise", "organize"),
            ("centre", "center"),
            ("saving", "save"),
            ("taking", "takes"),
            ("using", "uses"),
            ("driving", "drive"),
            ("children's", "children's"),
            ("pricing", "price"),
            ("filing", "file"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} / {other}");
        }
    }

    #[test]
    fn other_words_do_not() {
        for (one, other) in [
            ("filling", "filing"),
            ("employer", "employee"),
            ("news", "new"),
            ("customs", "custom"),
            ("university", "universe"),
            ("hoping", "hopping"),
            ("organ", "organic"),
            ("savings", "save"),
            ("hour", "hor"),
            ("contractor", "contract"),
            ("rating", "rat"),
            ("kubernetes", "kubernete"),
        ] {
            assert_ne!(stem(one), stem(other), "{one} / {other}");
        }
    }
}
