//! What a prompt says about how long, and for whom, its answer holds.
//!
//! Word lists, English first, with the commonest words of six more languages: a word missed here costs a stale answer,
//! so they err on the side of finding one. Deliberately not here: what is done about it (`cache::model`).

use std::{collections::HashMap, sync::LazyLock};

/// Words that make an answer depend on when it is asked.
const TIMES: &[&str] = &[
    "today",
    "todays",
    "tonight",
    "tomorrow",
    "yesterday",
    "now",
    "nowadays",
    "currently",
    "current",
    "latest",
    "newest",
    "recent",
    "recently",
    "lately",
    "just now",
    "upcoming",
    "soon",
    "so far",
    "up to date",
    "this morning",
    "this afternoon",
    "this evening",
    "this week",
    "this weekend",
    "this month",
    "this quarter",
    "this year",
    "this season",
    "this monday",
    "this tuesday",
    "this wednesday",
    "this thursday",
    "this friday",
    "this saturday",
    "this sunday",
    "next week",
    "next weekend",
    "next month",
    "next year",
    "next monday",
    "next tuesday",
    "next wednesday",
    "next thursday",
    "next friday",
    "next saturday",
    "next sunday",
    "next train",
    "next bus",
    "next flight",
    "last night",
    "last week",
    "last weekend",
    "last month",
    "last year",
    "last monday",
    "last tuesday",
    "last wednesday",
    "last thursday",
    "last friday",
    "last saturday",
    "last sunday",
    "past week",
    "past month",
    "past year",
    "what time is it",
    "what day is it",
    "what date is it",
    "the time in",
    "the date",
    "at the moment",
    "right now",
    "as of",
    "these days",
    "live score",
    "breaking news",
    "in the news",
    "weather",
    "forecast",
    "stock price",
    "share price",
    "exchange rate",
    "ago",
    "still open",
    "open now",
    "from now",
    "minute ago",
    "hoy",
    "mañana",
    "ayer",
    "ahora",
    "actual",
    "actualmente",
    "esta semana",
    "este mes",
    "este año",
    "aujourd'hui",
    "demain",
    "hier",
    "maintenant",
    "actuellement",
    "cette semaine",
    "ce mois",
    "cette année",
    "heute",
    "morgen",
    "gestern",
    "jetzt",
    "derzeit",
    "aktuell",
    "aktuelle",
    "aktuellen",
    "diese woche",
    "dieses jahr",
    "oggi",
    "domani",
    "ieri",
    "adesso",
    "hoje",
    "amanhã",
    "ontem",
    "agora",
    "vandaag",
    "gisteren",
    "nu",
];
/// The same in scripts without spaces.
const UNSPACED_TIMES: &[&str] = &[
    "今天", "今日", "明天", "明日", "昨天", "昨日", "现在", "現在", "最新", "今年", "今月", "今週", "本周", "오늘",
    "내일", "어제", "지금", "최신",
];
/// Words that make an answer depend on who asks.
const PERSONS: &[&str] = &[
    "i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine", "myself", "we", "us", "our", "ours", "we're", "we've", "mi",
    "mis", "mon", "ma", "mes", "mein", "meine", "meinen", "meinem", "meiner", "mio", "mia", "meu", "minha", "mijn",
];

/// Phrases by their first words: one pass over a text finds any of them, however long it is.
type Phrases = HashMap<&'static str, Vec<Vec<&'static str>>>;

static TIME_PHRASES: LazyLock<Phrases> = LazyLock::new(|| by_first_word(TIMES));
static PERSON_PHRASES: LazyLock<Phrases> = LazyLock::new(|| by_first_word(PERSONS));

fn by_first_word(list: &[&'static str]) -> Phrases {
    let mut all = Phrases::new();
    for phrase in list {
        let words: Vec<_> = phrase.split(' ').collect();
        all.entry(words[0]).or_default().push(words);
    }
    all
}

/// Whether the answer depends on when it is asked: `today`, `latest`, `this week`, `ago`. Weekdays and dates alone do
/// not: "open on Mondays" holds next week too.
pub fn is_time_dependent(text: &str) -> bool {
    has(text, &TIME_PHRASES) || !text.is_ascii() && UNSPACED_TIMES.iter().any(|word| text.contains(word))
}

/// Whether the answer depends on who asks: `my order`, `I`. For partitions wider than one person.
pub fn is_personal(text: &str) -> bool {
    has(text, &PERSON_PHRASES)
}

fn has(text: &str, phrases: &Phrases) -> bool {
    let plain = text.replace(['’', 'ʼ'], "'").to_lowercase();
    let words = plain.split(|char: char| !char.is_alphanumeric() && char != '\'');
    let bare = words.map(|word| word.trim_matches('\'').trim_end_matches("'s"));
    let words: Vec<_> = bare.filter(|word| !word.is_empty()).collect();
    let begins =
        |at: usize| phrases.get(words[at]).is_some_and(|all| all.iter().any(|one| words[at..].starts_with(one)));
    (0..words.len()).any(begins)
}

#[cfg(test)]
mod tests {
    use super::{is_personal, is_time_dependent};

    #[test]
    fn answers_that_age_are_known() {
        for text in [
            "What's on today?",
            "Is it open right now?",
            "the LATEST release",
            "What’s today’s menu",
            "this week's rota",
            "What is the weather in Rome",
            "¿Qué pasa hoy?",
            "今天天气",
            "What happened 3 days ago?",
            "next Friday",
            "What is 'today' in Rome?",
            "So what is it, up to date?",
        ] {
            assert!(is_time_dependent(text), "{text}");
        }
        for text in
            ["Who wrote Emma?", "Are you open on Mondays?", "Explain knowledge", "What is a nowcast?", "", "snow"]
        {
            assert!(!is_time_dependent(text), "{text}");
        }
    }

    #[test]
    fn answers_for_one_person_are_known() {
        for text in ["Where is my order?", "I’m late", "who am I", "¿Dónde está mi pedido?", "Help us"] {
            assert!(is_personal(text), "{text}");
        }
        for text in ["Where is Kenya?", "Is it so?", "What is myrrh?", ""] {
            assert!(!is_personal(text), "{text}");
        }
    }
}
