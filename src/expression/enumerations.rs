//! The enumerations that expressions know, with .NET's numbers.

use super::types::Kind;

impl Kind {
    /// The members of an enumeration, with their numbers.
    pub(crate) const fn members(self) -> &'static [(&'static str, i32)] {
        match self {
            Self::StringComparison => &[
                ("CurrentCulture", 0),
                ("CurrentCultureIgnoreCase", 1),
                ("InvariantCulture", 2),
                ("InvariantCultureIgnoreCase", 3),
                ("Ordinal", 4),
                ("OrdinalIgnoreCase", 5),
            ],
            Self::StringSplitOptions => &[("None", 0), ("RemoveEmptyEntries", 1), ("TrimEntries", 2)],
            Self::JTokenType => &[
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
            ],
            Self::Formatting => &[("None", 0), ("Indented", 1)],
            Self::DateTimeKind => &[("Unspecified", 0), ("Utc", 1), ("Local", 2)],
            Self::DayOfWeek => &[
                ("Sunday", 0),
                ("Monday", 1),
                ("Tuesday", 2),
                ("Wednesday", 3),
                ("Thursday", 4),
                ("Friday", 5),
                ("Saturday", 6),
            ],
            Self::RegexOptions => &[
                ("None", 0),
                ("IgnoreCase", 1),
                ("Multiline", 2),
                ("ExplicitCapture", 4),
                ("Compiled", 8),
                ("Singleline", 16),
                ("IgnorePatternWhitespace", 32),
                ("ECMAScript", 256),
                ("CultureInvariant", 512),
            ],
            Self::UriKind => &[("RelativeOrAbsolute", 0), ("Absolute", 1), ("Relative", 2)],
            Self::NameType => &[
                ("SimpleName", 0),
                ("EmailName", 1),
                ("UpnName", 2),
                ("DnsName", 3),
                ("UrlName", 4),
                ("DnsFromAlternativeName", 5),
            ],
            Self::SaveOptions => &[("None", 0), ("DisableFormatting", 1), ("OmitDuplicateNamespaces", 2)],
            Self::NumberStyles => &[
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
            ],
            Self::DateTimeStyles => &[
                ("None", 0),
                ("AllowWhiteSpaces", 7),
                ("AdjustToUniversal", 16),
                ("AssumeLocal", 32),
                ("AssumeUniversal", 64),
                ("RoundtripKind", 128),
            ],
            Self::MidpointRounding => &[("ToEven", 0), ("AwayFromZero", 1)],
            Self::HashName => &[("MD5", 0), ("SHA1", 1), ("SHA256", 2), ("SHA384", 3), ("SHA512", 4)],
            Self::SignaturePadding => &[("Pkcs1", 0), ("Pss", 1)],
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
