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
    /// `give me`, `list`, `I need`: what it is, where more than one word says of what; `a refund` alone is wanted.
    Give,
    /// `explain`: at length, where `what` may be brief.
    Explain,
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
    /// `what do I do if`.
    Remedy,
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

impl Ask {
    /// All kinds.
    pub(super) const ALL: &[Self] = &[
        Self::None,
        Self::What,
        Self::Give,
        Self::Explain,
        Self::Which,
        Self::When,
        Self::Time,
        Self::Where,
        Self::Who,
        Self::Whose,
        Self::Why,
        Self::How,
        Self::HowMany,
        Self::HowMuch,
        Self::Remedy,
        Self::Sum,
        Self::Degree,
        Self::Is,
        Self::Do,
        Self::Can,
        Self::Should,
        Self::Must,
        Self::Will,
        Self::Have,
        Self::Exists,
    ];
}

/// `Can you` before one of these is an order.
pub(super) const ORDERS: &[&str] = &[
    "give",
    "show",
    "list",
    "tell",
    "write",
    "summarize",
    "summarise",
    "translate",
    "convert",
    "generate",
    "create",
    "calculate",
    "book",
    "reserve",
    "remind",
    "find",
    "send",
    "sort",
    "classify",
    "explain",
    "describe",
    "recommend",
    "suggest",
    "compare",
    "please",
    "help",
];
/// Who may stand for SUBJECT above: whoever asks.
pub(super) const SUBJECTS: &[&str] = &["i", "you", "we", "one", "1", "people", "someone"];
/// Says nothing once the question is known.
pub(super) const EMPTY: &[&str] = &[
    "a", "an", "the", "is", "are", "am", "be", "been", "being", "was", "were", "do", "does", "did", "please", "kindly",
    "just", "really", "actually", "exactly", "any", "some", "there", "it", "its", "i", "we", "'s", "will", "would",
    "shall", "also", "had", "um", "uh", "er", "erm", "yeah",
];
/// Tell of the past; of what comes.
pub(super) const PAST: &[&str] = &["was", "were", "did", "had", "caused"];
pub(super) const FUTURE: &[&str] = &["will", "shall"];
/// Bind the next words to what stands before.
pub(super) const BINDING: &[&str] =
    &["of", "for", "in", "on", "at", "to", "from", "by", "with", "about", "into", "as", "than", "through", "via", "'s"];
/// Begin what is said of the words before them.
pub(super) const CLAUSES: &[&str] =
    &["do", "does", "did", "is", "are", "was", "were", "can", "could", "should", "must", "may", "will", "would"];
/// Of them, those that a compound goes without: `the population of Tokyo`, `Tokyo population`.
pub(super) const LOOSE: &[&str] = &["", "of", "for", "in", "on", "at", "'s"];
/// Words whose place decides what they deny or set apart.
pub(super) const DENYING: &[&str] = &[
    "not",
    "no",
    "never",
    "without",
    "none",
    "nobody",
    "nothing",
    "neither",
    "nor",
    "cannot",
    "except",
    "unless",
    "non",
    "only",
    "hardly",
    "barely",
    "excluding",
    "besides",
    "instead",
    "rather",
];
/// Begin a part that may stand before the question instead of after it, beside the prepositions.
pub(super) const FRONTED: &[&str] = &[
    "if", "when", "after", "before", "during", "near", "under", "inside", "outside", "within", "until", "since", "per",
    "between", "around", "near",
];
/// `What is the ... of` these asks like a question word.
pub(super) const ASKING_NOUNS: &[(&str, Ask)] = &[
    ("deadline", Ask::When),
    ("date", Ask::When),
    ("reason", Ask::Why),
    ("cause", Ask::Why),
    ("location", Ask::Where),
    ("whereabouts", Ask::Where),
    ("process", Ask::How),
    ("procedure", Ask::How),
    ("method", Ask::How),
    ("way", Ask::How),
    ("step", Ask::How),
    ("instruction", Ask::How),
    ("recipe", Ask::How),
    ("count", Ask::HowMany),
    ("tutorial", Ask::How),
];
/// `Time` after these asks at what time they happen; these dates when.
pub(super) const HAPPENING: &[(&str, Ask)] = &[
    ("close", Ask::Time),
    ("depart", Ask::Time),
    ("arrive", Ask::Time),
    ("begin", Ask::Time),
    ("begin date", Ask::When),
];
/// Words of a state that ask like an auxiliary, and after which.
pub(super) const STATES: &[(&str, &[Ask], Ask)] = &[
    ("available", &[Ask::Is], Ask::Exists),
    ("need", &[Ask::Is, Ask::Do], Ask::Must),
    ("necessary", &[Ask::Is], Ask::Must),
    ("mandatory", &[Ask::Is], Ask::Must),
    ("allow", &[Ask::Is, Ask::Do], Ask::Can),
    ("possible", &[Ask::Is], Ask::Can),
    ("permit", &[Ask::Is], Ask::Can),
    ("advisable", &[Ask::Is], Ask::Should),
    ("have", &[Ask::Do], Ask::Exists),
];
/// Sums of money: `how much is` asks for them by themselves.
pub(super) const SUMS: &[&str] = &[
    "charge",
    "fee",
    "fine",
    "tax",
    "rate",
    "salary",
    "bill",
    "toll",
    "rent",
    "discount",
    "deposit",
    "wage",
    "fare",
    "refund",
    "penalty",
    "premium",
    "balance",
    "pay",
    "total",
    "interest",
    "tip",
    "duty",
    "allowance",
];
/// Words so general that the others say it all, in `balanced`.
pub(super) const LIGHT: &[&str] = &[
    "me",
    "get",
    "have",
    "take",
    "go",
    "use",
    "format",
    "number",
    "still",
    "ever",
    "value",
    "total",
    "overall",
    "exact",
    "specific",
    "particular",
    "properly",
    "correctly",
    "easily",
    "simply",
    "generally",
    "following",
    "given",
    "city",
    "country",
    "programming",
    "software",
    "website",
    "kind",
    "right",
    "proper",
    "involved",
    "actual",
];
/// Who does a thing, and what is done: `the author of`, `who wrote`.
pub(super) const AGENTS: &[(&str, &str)] = &[
    ("author", "write"),
    ("writer", "write"),
    ("inventor", "invent"),
    ("discoverer", "discover"),
    ("founder", "found"),
    ("director", "direct"),
    ("painter", "paint"),
    ("composer", "compose"),
    ("winner", "win"),
    ("owner", "own"),
    ("creator", "create"),
    ("designer", "design"),
    ("builder", "build"),
    ("manufacturer", "manufacture"),
];
/// What `how` with such a word asks for.
pub(super) const MEASURES: &[(&str, &str)] = &[
    ("old", "age"),
    ("tall", "height"),
    ("high", "height"),
    ("heavy", "weight"),
    ("deep", "depth"),
    ("far", "distance"),
    ("fast", "speed"),
    ("big", "size"),
    ("wide", "width"),
    ("often", "frequency"),
    ("expensive", "price"),
    ("thick", "thickness"),
    ("hot", "temperature"),
];
/// Prepositions that say nearly the same before the same word.
pub(super) const NEAR_BONDS: &[&[&str]] = &[
    &["to", "for"],
    &["in", "on", "at", "of", "for"],
    &["of", "about", "on"],
    &["by", "with", "through", "via"],
    &["in", "into", "to"],
];
/// The same before what is counted, and before what a superlative is taken from.
pub(super) const COUNTED: &[&[&str]] = &[&["in", "on", "of"]];
/// Words that one side may do without, in `balanced`, where the question is of this kind.
pub(super) const SPARE: &[(&str, &[Ask])] = &[
    ("have", &[Ask::Do, Ask::Exists]),
    ("available", &[Ask::Is, Ask::Exists, Ask::What, Ask::Which]),
    ("offer", &[Ask::Exists]),
    ("make", &[Ask::How]),
    ("should", &[Ask::Who, Ask::Where, Ask::When, Ask::How]),
    ("can", &[Ask::Who, Ask::Where, Ask::When]),
    ("mean", &[Ask::What]),
    ("meaning", &[Ask::What]),
    ("define", &[Ask::What, Ask::None]),
    ("able", &[Ask::Can, Ask::How]),
    ("possible", &[Ask::Can, Ask::How]),
    ("own", &[Ask::Can, Ask::How, Ask::Do]),
    ("could", &[Ask::Who, Ask::Where, Ask::When]),
    ("on", &[Ask::What, Ask::Which]),
    ("at", &[Ask::What, Ask::Which]),
    ("in", &[Ask::What, Ask::Which]),
    ("work", &[Ask::How]),
    ("happen", &[Ask::How]),
    ("show", &[Ask::How]),
];
/// Whose it is: `my` and `our` are one, as are the others.
pub(super) const OWNERS: &[(&str, &str)] = &[
    ("my", "my"),
    ("our", "my"),
    ("mine", "my"),
    ("your", "your"),
    ("his", "his"),
    ("her", "her"),
    ("their", "their"),
];
