//! The closed classes of English that the guards know: what asks, what binds, what counts, what says nothing.
//!
//! Deliberately not here: open classes; words outside these lists carry the question and must be found on the other side
//! (synonyms: `synonyms.txt`).

/// What an auxiliary or question word asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing: an order, or a few words.
    None,
    What,
    Which,
    When,
    Time,
    Where,
    Who,
    Whose,
    Why,
    How,
    HowMany,
    HowMuch,
    /// `how much is`: a price, where nothing else says of what.
    Sum,
    /// `how long`, `how far`: the measure stays a word of the question.
    Degree,
    Is,
    Do,
    Can,
    Should,
    Must,
    Will,
    Have,
    Exists,
}

/// Said for manners, before the question.
pub(super) const MANNERS: &[&str] = &[
    "hi", "hello", "hey", "hiya", "there", "team", "all", "everyone", "um", "uh", "er", "erm", "so", "yeah", "yes", "okay", "ok", "well",
    "please", "kindly", "sorry", "thanks", "good morning", "good afternoon", "good evening", "to bother you", "but",
    "just wondering", "just curious", "i was wondering", "i wonder", "i am wondering", "quick question", "a quick question",
    "silly question", "excuse me", "can you tell me", "could you tell me", "can you please tell me",
    "could you please tell me", "would you tell me", "could you let me know", "can you let me know", "do you know",
    "do you happen to know", "i want to know", "i would like to know", "i need to know", "tell me", "let me know",
    "i have a question", "one question", "any idea", "can you explain to me", "i would be grateful to know",
];
/// Said for manners, after it.
pub(super) const THANKS: &[&str] = &[
    "please", "thanks", "thank you", "many thanks", "thanks in advance", "thank you very much", "thanks a lot", "cheers",
    "thanks so much", "thank you in advance", "by any chance", "explained", "asap", "if possible",
];
/// `Can you` before one of these is an order.
pub(super) const ORDERS: &[&str] = &[
    "give", "show", "list", "tell", "write", "summarize", "summarise", "translate", "convert", "generate", "create",
    "calculate", "book", "reserve", "remind", "find", "send", "sort", "classify", "explain", "describe", "recommend", "suggest", "compare", "please", "help",
];
/// First words and what they ask for, longer ones first within a beginning.
pub(super) const ASKING: &[(&str, Ask)] = &[
    ("how do SUBJECT go about", Ask::How), ("how can SUBJECT go about", Ask::How), ("how do SUBJECT", Ask::How),
    ("how can SUBJECT", Ask::How), ("how could SUBJECT", Ask::How), ("how would SUBJECT", Ask::How), ("how to", Ask::How),
    ("how SUBJECT can", Ask::How), ("how SUBJECT", Ask::How), ("how come", Ask::Why), ("how many", Ask::HowMany),
    ("how much", Ask::HowMuch), ("how much is", Ask::Sum), ("how much are", Ask::Sum), ("how much was", Ask::Sum),
    ("is it a good idea to", Ask::Should), ("is it recommended to", Ask::Should), ("is it wise to", Ask::Should), ("would it be a good idea to", Ask::Should), ("am i supposed to", Ask::Should), ("how do", Ask::How), ("how does", Ask::How), ("how is", Ask::How), ("how are", Ask::How),
    ("how did", Ask::How), ("how was", Ask::How), ("how can", Ask::How), ("how should SUBJECT", Ask::Degree), ("how", Ask::Degree),
    ("what is the way to", Ask::How), ("what is the way of", Ask::How), ("what is the best way to", Ask::How),
    ("what is the best way of", Ask::How), ("what is the right way to", Ask::How), ("what is the correct way to", Ask::How),
    ("what is the proper way to", Ask::How), ("what are the steps to", Ask::How), ("what are the steps for", Ask::How),
    ("what steps do i take to", Ask::How), ("what steps should i take to", Ask::How), ("what is the process for", Ask::How),
    ("what is the process to", Ask::How), ("what is the process of", Ask::How), ("what is the procedure for", Ask::How),
    ("what is the procedure to", Ask::How), ("what is the method for", Ask::How), ("what do i need to do to", Ask::How),
    ("what do i have to do to", Ask::How), ("what do i do to", Ask::How), ("what must i do to", Ask::How),
    ("explain how to", Ask::How), ("show me how to", Ask::How), ("teach me how to", Ask::How), ("in what way", Ask::How),
    ("steps to", Ask::How), ("what is the reason for", Ask::Why), ("what is the reason", Ask::Why),
    ("for what reason", Ask::Why), ("what causes", Ask::Why), ("what caused", Ask::Why), ("why", Ask::Why), ("when", Ask::When), ("on what date", Ask::When),
    ("what date", Ask::When), ("at what time", Ask::Time), ("what time", Ask::Time), ("where", Ask::Where), ("in what place", Ask::Where),
    ("who", Ask::Who), ("whom", Ask::Who), ("whose", Ask::Whose), ("what is the number of", Ask::HowMany),
    ("what number of", Ask::HowMany), ("which", Ask::Which), ("what", Ask::What), ("give me", Ask::What), ("list", Ask::What),
    ("provide me with", Ask::What), ("provide", Ask::What),
    ("show me", Ask::What), ("explain", Ask::What), ("describe", Ask::What), ("explain to me", Ask::What), ("what is the command to", Ask::How),
    ("what is the command for", Ask::How), ("which command", Ask::How), ("what command do i use to", Ask::How), ("explain what", Ask::What), ("explain what is", Ask::What), ("explain why", Ask::Why), ("define", Ask::What), ("what is meant by", Ask::What), ("what is the meaning of", Ask::What),
    ("what is the definition of", Ask::What), ("how does one", Ask::How), ("how might SUBJECT", Ask::How), ("how do you go about", Ask::How),
    ("what is a good way to", Ask::How), ("what is an easy way to", Ask::How), ("what is needed to", Ask::How), ("what does it take to", Ask::How),
    ("is there a way to", Ask::Can), ("is there any way to", Ask::Can), ("is there a way for SUBJECT to", Ask::Can), ("would SUBJECT be able to", Ask::Can),
    ("will SUBJECT be able to", Ask::Can), ("do SUBJECT get to", Ask::Can), ("am i permitted to", Ask::Can), ("is it safe for SUBJECT to", Ask::Is),
    ("what is the cause of", Ask::Why), ("what are the reasons for", Ask::Why), ("what is the explanation for", Ask::Why), ("what makes", Ask::Why), ("what made", Ask::Why),
    ("at which time", Ask::Time), ("what day", Ask::When), ("which day", Ask::When), ("on which date", Ask::When), ("on what day", Ask::When), ("in what year", Ask::When), ("what year", Ask::When), ("in which year", Ask::When), ("which year", Ask::When),
    ("which person", Ask::Who), ("what person", Ask::Who), ("in which place", Ask::Where), ("what place", Ask::Where), ("what are some", Ask::What), ("name some", Ask::What), ("give some", Ask::What), ("give me some", Ask::What), ("i need", Ask::None), ("is it possible for SUBJECT to", Ask::Can), ("is it possible to", Ask::Can),
    ("am i able to", Ask::Can), ("am i allowed to", Ask::Can), ("are we allowed to", Ask::Can), ("are you able to", Ask::Can),
    ("is it allowed to", Ask::Can), ("is it okay to", Ask::Can), ("is it ok to", Ask::Can), ("is it fine to", Ask::Can),
    ("is it permitted to", Ask::Can), ("may", Ask::Can), ("can", Ask::Can), ("could", Ask::Can), ("should", Ask::Should), ("ought", Ask::Should),
    ("do i need to", Ask::Must), ("do i have to", Ask::Must), ("do we need to", Ask::Must), ("do we have to", Ask::Must),
    ("do you need to", Ask::Must), ("do you have to", Ask::Must), ("is it necessary to", Ask::Must), ("is it required to", Ask::Must),
    ("must", Ask::Must), ("will", Ask::Will), ("would", Ask::Will), ("shall", Ask::Will), ("is there", Ask::Exists),
    ("are there", Ask::Exists), ("do you have", Ask::Exists), ("have you got", Ask::Exists), ("do you offer", Ask::Exists),
    ("do you provide", Ask::Exists), ("do you do", Ask::Exists), ("do you sell", Ask::Do), ("is", Ask::Is), ("are", Ask::Is), ("am", Ask::Is), ("was", Ask::Is), ("were", Ask::Is),
    ("does", Ask::Do), ("do", Ask::Do), ("did", Ask::Do), ("has", Ask::Have), ("have", Ask::Have), ("had", Ask::Have),
];
/// Who may stand for SUBJECT above: whoever asks.
pub(super) const SUBJECTS: &[&str] = &["i", "you", "we", "one", "1", "people", "someone"];
/// Says nothing once the question is known.
pub(super) const EMPTY: &[&str] = &[
    "a", "an", "the", "is", "are", "am", "be", "been", "being", "was", "were", "do", "does", "did", "please", "kindly",
    "just", "really", "actually", "exactly", "any", "some", "there", "it", "its", "i", "we", "you", "me", "'s", "will",
    "would", "shall", "also", "had", "um", "uh", "er", "erm", "yeah",
];
/// Tell of the past; of what comes.
pub(super) const PAST: &[&str] = &["was", "were", "did", "had"];
pub(super) const FUTURE: &[&str] = &["will", "shall"];
/// Bind the next words to what stands before.
pub(super) const BINDING: &[&str] =
    &["of", "for", "in", "on", "at", "to", "from", "by", "with", "about", "into", "as", "than", "through", "via", "'s"];
/// Of them, those that a compound goes without: `the population of Tokyo`, `Tokyo population`.
pub(super) const LOOSE: &[&str] = &["", "of", "for", "in", "on", "at", "'s"];
/// Words whose place decides what they deny or set apart.
pub(super) const DENYING: &[&str] = &[
    "not", "no", "never", "without", "none", "nobody", "nothing", "neither", "nor", "cannot", "except", "unless", "non",
    "only", "hardly", "barely", "excluding", "besides", "instead", "rather",
];
/// Begin a part that may stand before the question instead of after it, beside the prepositions.
pub(super) const FRONTED: &[&str] = &[
    "if", "when", "after", "before", "during", "near", "under", "inside", "outside", "within", "until", "since", "per",
    "between", "around", "near",
];
/// `What is the ... of` these asks like a question word.
pub(super) const ASKING_NOUNS: &[(&str, Ask)] = &[
    ("deadline", Ask::When), ("date", Ask::When), ("reason", Ask::Why), ("cause", Ask::Why), ("location", Ask::Where),
    ("whereabouts", Ask::Where), ("process", Ask::How), ("procedure", Ask::How), ("method", Ask::How), ("way", Ask::How),
    ("step", Ask::How), ("instruction", Ask::How), ("recipe", Ask::How), ("tutorial", Ask::How),
];
/// Words of a state that ask like an auxiliary, and after which.
pub(super) const STATES: &[(&str, &[Ask], Ask)] = &[
    ("available", &[Ask::Is], Ask::Exists), ("need", &[Ask::Is, Ask::Do], Ask::Must), ("necessary", &[Ask::Is], Ask::Must),
    ("mandatory", &[Ask::Is], Ask::Must), ("allow", &[Ask::Is, Ask::Do], Ask::Can), ("possible", &[Ask::Is], Ask::Can),
    ("permit", &[Ask::Is], Ask::Can), ("advisable", &[Ask::Is], Ask::Should), ("have", &[Ask::Do], Ask::Exists),
];
/// Sums of money: `how much is` asks for them by themselves.
pub(super) const SUMS: &[&str] = &[
    "charge", "fee", "fine", "tax", "rate", "salary", "bill", "toll", "rent", "discount", "deposit", "wage", "fare", "refund",
    "penalty", "premium", "balance", "pay", "total", "interest", "tip", "duty", "allowance",
];
/// Verbs so general that the other words say it all, in `balanced`.
pub(super) const LIGHT: &[&str] = &["get", "have", "take", "go", "use", "format", "number", "still", "ever"];
/// Who does a thing, and what is done: `the author of`, `who wrote`.
pub(super) const AGENTS: &[(&str, &str)] = &[
    ("author", "write"), ("writer", "write"), ("inventor", "invent"), ("discoverer", "discover"), ("founder", "found"),
    ("director", "direct"), ("painter", "paint"), ("composer", "compose"), ("winner", "win"), ("owner", "own"), ("creator", "create"),
    ("designer", "design"), ("builder", "build"), ("manufacturer", "manufacture"),
];
/// Begin a wish whose end asks how.
pub(super) const NEEDS: &[&str] = &[
    "i want to", "i would like to", "i need to", "i have to", "i am trying to", "i wish to", "i am looking to", "we want to",
    "we need to", "we would like to", "i was hoping to",
];
/// End it.
pub(super) const TAILS: &[&str] = &[
    "how", "how do i do that", "how do i do this", "how do i do it", "how can i do that", "how can i do this",
    "how does that work", "how would i do that", "how do i go about it", "how do i go about that", "what do i do",
    "what should i do", "what do i need to do", "how can i", "how do i", "where do i start", "how should i do it",
    "what is the best way", "how do we do that", "what are the steps", "what is the process", "how can i do it",
];
/// What `how` with such a word asks for.
pub(super) const MEASURES: &[(&str, &str)] = &[
    ("old", "age"), ("tall", "height"), ("high", "height"), ("heavy", "weight"), ("deep", "depth"), ("far", "distance"),
    ("fast", "speed"), ("big", "size"), ("wide", "width"), ("often", "frequency"), ("expensive", "price"), ("thick", "thickness"),
    ("hot", "temperature"),
];
/// Prepositions that say nearly the same before the same word.
pub(super) const NEAR_BONDS: &[&[&str]] =
    &[&["to", "for"], &["in", "on", "at", "of", "for"], &["of", "about", "on"], &["by", "with", "through", "via"], &["in", "into", "to"]];
/// Words that one side may do without, in `balanced`, where the question is of this kind.
pub(super) const SPARE: &[(&str, &[Ask])] = &[
    ("have", &[Ask::Do, Ask::Exists]), ("available", &[Ask::Is, Ask::Exists, Ask::What, Ask::Which]),
    ("offer", &[Ask::Exists]), ("make", &[Ask::How]), ("should", &[Ask::Who, Ask::Where, Ask::When, Ask::How]), ("can", &[Ask::Who, Ask::Where, Ask::When]), ("mean", &[Ask::What]), ("meaning", &[Ask::What]),
    ("define", &[Ask::What, Ask::None]), ("able", &[Ask::Can, Ask::How]), ("possible", &[Ask::Can, Ask::How]), ("own", &[Ask::Can, Ask::How, Ask::Do]),
    ("could", &[Ask::Who, Ask::Where, Ask::When]),
];
/// Whose it is: `my` and `our` are one, as are the others.
pub(super) const OWNERS: &[(&str, &str)] = &[
    ("my", "my"), ("our", "my"), ("mine", "my"), ("your", "your"), ("his", "his"), ("her", "her"), ("their", "their"),
];
/// Contractions, with and without their sign where that is no other word.
pub(super) const CONTRACTIONS: &[(&str, &str)] = &[
    ("can't", "can not"), ("cannot", "can not"), ("cant", "can not"), ("won't", "will not"), ("don't", "do not"),
    ("dont", "do not"), ("doesn't", "does not"), ("doesnt", "does not"), ("didn't", "did not"), ("didnt", "did not"),
    ("isn't", "is not"), ("isnt", "is not"), ("aren't", "are not"), ("arent", "are not"), ("wasn't", "was not"),
    ("weren't", "were not"), ("haven't", "have not"), ("hasn't", "has not"), ("hadn't", "had not"), ("couldn't", "could not"),
    ("shouldn't", "should not"), ("wouldn't", "would not"), ("mustn't", "must not"), ("i'm", "i am"), ("im", "i am"),
    ("i've", "i have"), ("i'd", "i would"), ("i'll", "i will"), ("you're", "you are"), ("you've", "you have"),
    ("you'll", "you will"), ("we're", "we are"), ("we've", "we have"), ("we'll", "we will"), ("they're", "they are"),
    ("it's", "it is"), ("that's", "that is"), ("there's", "there is"), ("here's", "here is"), ("he's", "he is"),
    ("she's", "she is"), ("what's", "what is"), ("whats", "what is"), ("who's", "who is"), ("where's", "where is"),
    ("wheres", "where is"), ("when's", "when is"), ("how's", "how is"), ("why's", "why is"), ("let's", "let us"),
    ("what're", "what are"), ("how'd", "how did"), ("hows", "how is"), ("n't", "not"),
];
/// Numbers in words.
pub(super) const NUMBERS: &[(&str, u32)] = &[
    ("zero", 0), ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8),
    ("nine", 9), ("ten", 10), ("eleven", 11), ("twelve", 12), ("thirteen", 13), ("fourteen", 14), ("fifteen", 15),
    ("sixteen", 16), ("seventeen", 17), ("eighteen", 18), ("nineteen", 19), ("twenty", 20), ("thirty", 30), ("forty", 40),
    ("fifty", 50), ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90),
];
/// What a number below ten completes.
pub(super) const TENS: &[&str] = &["20", "30", "40", "50", "60", "70", "80", "90"];
/// Beside them an ordinal is a day.
pub(super) const MONTHS: &[&str] = &[
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];
/// Units that are written against their number.
pub(super) const UNITS: &[&str] = &[
    "s", "ms", "sec", "min", "mins", "h", "hr", "hrs", "d", "w", "am", "pm", "mg", "g", "kg", "lb", "lbs", "oz", "t", "mm",
    "cm", "m", "km", "mi", "ft", "in", "ml", "cl", "l", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "px", "pt", "em", "rem", "hz",
    "khz", "mhz", "ghz", "w", "kw", "kwh", "mw", "v", "a", "ma", "mah", "k", "bn", "mph", "kph", "rpm", "fps", "dpi", "c", "f", "usd", "eur",
    "gbp", "x", "gbps", "mbps",
];
/// Plurals and other words that are no form of the word they look like.
pub(super) const UNBENDING: &[&str] = &[
    "news", "customs", "goods", "arms", "means", "pants", "glasses", "savings", "physics", "series", "species", "thing",
    "nothing", "something", "anything", "everything", "during", "morning", "evening", "building", "wedding", "king",
    "string", "spring", "ring", "wing", "sing", "bring", "need", "seed", "feed", "speed", "bed", "red", "hundred", "indeed",
    "species", "lens", "gas", "bus", "yes", "this", "his", "us", "was", "has", "does", "always", "perhaps", "sales", "works",
    "beijing", "boeing", "sterling", "ceiling", "sibling", "shilling", "herring", "earring", "exceed", "proceed", "succeed",
    "united", "sacred", "naked", "wicked", "aged", "breed", "bleed", "weed", "greed", "shed", "sled", "texas", "paris",
    "wales", "athens", "vegas", "dallas", "christmas", "jesus", "james", "mercedes", "canvas", "atlas", "kansas",
    "windows", "rails", "pandas", "keras", "redis", "kubernetes", "aws", "css", "sms", "gps", "dns", "tls", "https", "ios",
    "outlook", "cleaning", "gaming", "banking", "clothing", "settings", "listing", "training", "marketing", "engineering",
];
