//! The enumerations that expressions know, with .NET's numbers.

use super::types::Kind;

/// Names and numbers.
type Members = &'static [(&'static str, i32)];

const STRING_COMPARISON: Members = &[
    ("CurrentCulture", 0),
    ("CurrentCultureIgnoreCase", 1),
    ("InvariantCulture", 2),
    ("InvariantCultureIgnoreCase", 3),
    ("Ordinal", 4),
    ("OrdinalIgnoreCase", 5),
];
const STRING_SPLIT_OPTIONS: Members = &[("None", 0), ("RemoveEmptyEntries", 1), ("TrimEntries", 2)];
const JTOKEN_TYPE: Members = &[
    ("None", 0),
    ("Object", 1),
    ("Array", 2),
    ("Constructor", 3),
    ("Property", 4),
    ("Comment", 5),
    ("Integer", 6),
    ("Float", 7),
    ("String", 8),
    ("Boolean", 9),
    ("Null", 10),
    ("Undefined", 11),
    ("Date", 12),
    ("Raw", 13),
    ("Bytes", 14),
    ("Guid", 15),
    ("Uri", 16),
    ("TimeSpan", 17),
];
const FORMATTING: Members = &[("None", 0), ("Indented", 1)];
const DATE_TIME_KIND: Members = &[("Unspecified", 0), ("Utc", 1), ("Local", 2)];
const DAY_OF_WEEK: Members =
    &[("Sunday", 0), ("Monday", 1), ("Tuesday", 2), ("Wednesday", 3), ("Thursday", 4), ("Friday", 5), ("Saturday", 6)];
const REGEX_OPTIONS: Members = &[
    ("None", 0),
    ("IgnoreCase", 1),
    ("Multiline", 2),
    ("ExplicitCapture", 4),
    ("Compiled", 8),
    ("Singleline", 16),
    ("IgnorePatternWhitespace", 32),
    ("ECMAScript", 256),
    ("CultureInvariant", 512),
];
const URI_KIND: Members = &[("RelativeOrAbsolute", 0), ("Absolute", 1), ("Relative", 2)];
const URI_PARTIAL: Members = &[("Scheme", 0), ("Authority", 1), ("Path", 2), ("Query", 3)];
const MERGE_ARRAYS: Members = &[("Concat", 0), ("Union", 1), ("Replace", 2), ("Merge", 3)];
const MERGE_NULLS: Members = &[("Ignore", 0), ("Merge", 1)];
const ADDRESS_FAMILY: Members = &[("InterNetwork", 2), ("InterNetworkV6", 23)];
const NAME_TYPE: Members = &[
    ("SimpleName", 0),
    ("EmailName", 1),
    ("UpnName", 2),
    ("DnsName", 3),
    ("UrlName", 4),
    ("DnsFromAlternativeName", 5),
];
const CONTENT_TYPE: Members = &[("Unknown", 0), ("Cert", 1), ("Pfx", 3), ("Pkcs12", 3)];
const SAVE_OPTIONS: Members = &[("None", 0), ("DisableFormatting", 1), ("OmitDuplicateNamespaces", 2)];
const NUMBER_STYLES: Members = &[
    ("None", 0),
    ("Integer", 7),
    ("HexNumber", 515),
    ("Number", 111),
    ("Float", 167),
    ("Any", 511),
    ("AllowDecimalPoint", 32),
    ("AllowLeadingSign", 4),
    ("AllowThousands", 64),
    ("AllowHexSpecifier", 512),
];
const DATE_TIME_STYLES: Members = &[
    ("None", 0),
    ("AllowWhiteSpaces", 7),
    ("AdjustToUniversal", 16),
    ("AssumeLocal", 32),
    ("AssumeUniversal", 64),
    ("RoundtripKind", 128),
];
const MIDPOINT_ROUNDING: Members = &[("ToEven", 0), ("AwayFromZero", 1)];
const HASH_NAME: Members = &[("MD5", 0), ("SHA1", 1), ("SHA256", 2), ("SHA384", 3), ("SHA512", 4)];
const SIGNATURE_PADDING: Members = &[("Pkcs1", 0), ("Pss", 1)];

impl Kind {
    /// The members of an enumeration, with their numbers.
    pub(crate) const fn members(self) -> Members {
        match self {
            Self::StringComparison => STRING_COMPARISON,
            Self::StringSplitOptions => STRING_SPLIT_OPTIONS,
            Self::JTokenType => JTOKEN_TYPE,
            Self::Formatting => FORMATTING,
            Self::DateTimeKind => DATE_TIME_KIND,
            Self::DayOfWeek => DAY_OF_WEEK,
            Self::RegexOptions => REGEX_OPTIONS,
            Self::UriKind => URI_KIND,
            Self::UriPartial => URI_PARTIAL,
            Self::MergeArrays => MERGE_ARRAYS,
            Self::MergeNulls => MERGE_NULLS,
            Self::AddressFamily => ADDRESS_FAMILY,
            Self::NameType => NAME_TYPE,
            Self::ContentType => CONTENT_TYPE,
            Self::SaveOptions => SAVE_OPTIONS,
            Self::NumberStyles => NUMBER_STYLES,
            Self::DateTimeStyles => DATE_TIME_STYLES,
            Self::MidpointRounding => MIDPOINT_ROUNDING,
            Self::HashName => HASH_NAME,
            Self::SignaturePadding => SIGNATURE_PADDING,
            _ => &[],
        }
    }

    pub(crate) fn is_enum(self) -> bool {
        !self.members().is_empty()
    }

    /// The name of an enumeration's number, or the number.
    pub(crate) fn enum_name(self, value: i32) -> String {
        let found = self.members().iter().find(|member| member.1 == value);
        found.map_or_else(|| value.to_string(), |member| member.0.to_owned())
    }
}
