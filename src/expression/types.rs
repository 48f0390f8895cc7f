//! The types that expressions know: their names, what they derive from, and generic arguments.

use std::{fmt, sync::Arc};

use super::host::Part;

macro_rules! kinds {
    ($($kind:ident $name:literal $full:literal [$($parent:ident)*] $value:literal;)*) => {
        /// A type without its generic arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = concat!("`", $full, "`.")] $kind,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As documents write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// With its namespace, as exceptions write it.
            pub const fn full_name(self) -> &'static str {
                match self { $(Self::$kind => $full),* }
            }

            /// What it derives from directly, beside `object`.
            pub(crate) const fn parents(self) -> &'static [Self] {
                match self { $(Self::$kind => &[$(Self::$parent),*]),* }
            }

            /// Whether null is no value of it.
            pub(crate) const fn is_value_type(self) -> bool {
                match self { $(Self::$kind => $value),* }
            }
        }
    };
}

kinds! {
    Unknown "object" "System.Object" [] false;
    Object "object" "System.Object" [] false;
    Dynamic "dynamic" "System.Object" [] false;
    Null "null" "null" [] false;
    Void "void" "System.Void" [] false;
    Bool "bool" "System.Boolean" [] true;
    Char "char" "System.Char" [] true;
    Byte "byte" "System.Byte" [] true;
    Int "int" "System.Int32" [] true;
    Long "long" "System.Int64" [] true;
    Double "double" "System.Double" [] true;
    Decimal "decimal" "System.Decimal" [] true;
    String "string" "System.String" [Enumerable] false;
    DateTime "DateTime" "System.DateTime" [] true;
    DateTimeOffset "DateTimeOffset" "System.DateTimeOffset" [] true;
    TimeSpan "TimeSpan" "System.TimeSpan" [] true;
    Guid "Guid" "System.Guid" [] true;
    Bytes "byte[]" "System.Byte[]" [Enumerable] false;
    Enumerable "IEnumerable" "System.Linq.Enumerable" [] false;
    Array "Array" "System.Array" [Enumerable] false;
    List "List" "System.Collections.Generic.List" [Enumerable] false;
    Dictionary "Dictionary" "System.Collections.Generic.Dictionary" [Enumerable] false;
    Headers "IReadOnlyDictionary" "System.Collections.Generic.IReadOnlyDictionary" [Dictionary] false;
    Variables "IVariables" "System.Collections.Generic.Dictionary" [Dictionary] false;
    KeyValuePair "KeyValuePair" "System.Collections.Generic.KeyValuePair" [] true;
    Grouping "IGrouping" "System.Linq.IGrouping" [Enumerable] false;
    Lookup "ILookup" "System.Linq.ILookup" [Enumerable] false;
    Queue "Queue" "System.Collections.Generic.Queue" [Enumerable] false;
    Stack "Stack" "System.Collections.Generic.Stack" [Enumerable] false;
    HashSet "HashSet" "System.Collections.Generic.HashSet" [List] false;
    Record "anonymous" "<>f__AnonymousType" [] false;
    Func "Func" "System.Func" [] false;
    JToken "JToken" "Newtonsoft.Json.Linq.JToken" [Enumerable] false;
    JContainer "JContainer" "Newtonsoft.Json.Linq.JContainer" [JToken] false;
    JObject "JObject" "Newtonsoft.Json.Linq.JObject" [JContainer] false;
    JArray "JArray" "Newtonsoft.Json.Linq.JArray" [JContainer] false;
    JProperty "JProperty" "Newtonsoft.Json.Linq.JProperty" [JContainer] false;
    JValue "JValue" "Newtonsoft.Json.Linq.JValue" [JToken] false;
    JsonConvert "JsonConvert" "Newtonsoft.Json.JsonConvert" [] false;
    MergeSettings "JsonMergeSettings" "Newtonsoft.Json.Linq.JsonMergeSettings" [] false;
    Tuple "Tuple" "System.Tuple" [] false;
    IpAddress "IPAddress" "System.Net.IPAddress" [] false;
    SecureRandom "RandomNumberGenerator" "System.Security.Cryptography.RandomNumberGenerator" [] false;
    XObject "XObject" "System.Xml.Linq.XObject" [] false;
    XNode "XNode" "System.Xml.Linq.XNode" [XObject] false;
    XContainer "XContainer" "System.Xml.Linq.XContainer" [XNode] false;
    XDocument "XDocument" "System.Xml.Linq.XDocument" [XContainer] false;
    XElement "XElement" "System.Xml.Linq.XElement" [XContainer] false;
    XAttribute "XAttribute" "System.Xml.Linq.XAttribute" [XObject] false;
    XText "XText" "System.Xml.Linq.XText" [XNode] false;
    XCData "XCData" "System.Xml.Linq.XCData" [XText] false;
    XDeclaration "XDeclaration" "System.Xml.Linq.XDeclaration" [] false;
    XName "XName" "System.Xml.Linq.XName" [] false;
    XNamespace "XNamespace" "System.Xml.Linq.XNamespace" [] false;
    XmlReader "XmlReader" "System.Xml.XmlReader" [] false;
    StringReader "StringReader" "System.IO.StringReader" [] false;
    Regex "Regex" "System.Text.RegularExpressions.Regex" [] false;
    Group "Group" "System.Text.RegularExpressions.Group" [] false;
    Match "Match" "System.Text.RegularExpressions.Match" [Group] false;
    Uri "Uri" "System.Uri" [] false;
    StringBuilder "StringBuilder" "System.Text.StringBuilder" [] false;
    StringComparer "StringComparer" "System.StringComparer" [] false;
    Encoding "Encoding" "System.Text.Encoding" [] false;
    Convert "Convert" "System.Convert" [] false;
    BitConverter "BitConverter" "System.BitConverter" [] false;
    Math "Math" "System.Math" [] false;
    Random "Random" "System.Random" [] false;
    WebUtility "WebUtility" "System.Net.WebUtility" [] false;
    HashAlgorithm "HashAlgorithm" "System.Security.Cryptography.HashAlgorithm" [] false;
    Md5 "MD5" "System.Security.Cryptography.MD5" [HashAlgorithm] false;
    Sha1 "SHA1" "System.Security.Cryptography.SHA1" [HashAlgorithm] false;
    Sha256 "SHA256" "System.Security.Cryptography.SHA256" [HashAlgorithm] false;
    Sha384 "SHA384" "System.Security.Cryptography.SHA384" [HashAlgorithm] false;
    Sha512 "SHA512" "System.Security.Cryptography.SHA512" [HashAlgorithm] false;
    HmacMd5 "HMACMD5" "System.Security.Cryptography.HMACMD5" [HashAlgorithm] false;
    HmacSha1 "HMACSHA1" "System.Security.Cryptography.HMACSHA1" [HashAlgorithm] false;
    HmacSha256 "HMACSHA256" "System.Security.Cryptography.HMACSHA256" [HashAlgorithm] false;
    HmacSha384 "HMACSHA384" "System.Security.Cryptography.HMACSHA384" [HashAlgorithm] false;
    HmacSha512 "HMACSHA512" "System.Security.Cryptography.HMACSHA512" [HashAlgorithm] false;
    Rsa "RSA" "System.Security.Cryptography.RSA" [] false;
    Certificate "X509Certificate2" "System.Security.Cryptography.X509Certificates.X509Certificate2" [] false;
    DistinguishedName "X500DistinguishedName" "System.Security.Cryptography.X509Certificates.X500DistinguishedName" [] false;
    Exception "Exception" "System.Exception" [] false;
    CultureInfo "CultureInfo" "System.Globalization.CultureInfo" [] false;
    TimeZoneInfo "TimeZoneInfo" "System.TimeZoneInfo" [] false;
    Context "IProxyRequestContext" "IProxyRequestContext" [] false;
    Api "IApi" "IApi" [] false;
    Deployment "IDeployment" "IDeployment" [] false;
    Gateway "IGateway" "IGateway" [] false;
    LastError "ILastError" "ILastError" [] false;
    Operation "IOperation" "IOperation" [] false;
    Product "IProduct" "IProduct" [] false;
    Request "IRequest" "IRequest" [] false;
    Response "IResponse" "IResponse" [] false;
    Subscription "ISubscription" "ISubscription" [] false;
    User "IUser" "IUser" [] false;
    Workspace "IWorkspace" "IWorkspace" [] false;
    KeyNames "ISubscriptionKeyParameterNames" "ISubscriptionKeyParameterNames" [] false;
    Body "IMessageBody" "IMessageBody" [] false;
    Url "IUrl" "IUrl" [] false;
    Jwt "Jwt" "Jwt" [] false;
    Authorization "Authorization" "Authorization" [] false;
    Basic "BasicAuthCredentials" "BasicAuthCredentials" [] false;
    StringComparison "StringComparison" "System.StringComparison" [] true;
    StringSplitOptions "StringSplitOptions" "System.StringSplitOptions" [] true;
    JTokenType "JTokenType" "Newtonsoft.Json.Linq.JTokenType" [] true;
    Formatting "Formatting" "Newtonsoft.Json.Formatting" [] true;
    DateTimeKind "DateTimeKind" "System.DateTimeKind" [] true;
    DayOfWeek "DayOfWeek" "System.DayOfWeek" [] true;
    RegexOptions "RegexOptions" "System.Text.RegularExpressions.RegexOptions" [] true;
    UriKind "UriKind" "System.UriKind" [] true;
    UriPartial "UriPartial" "System.UriPartial" [] true;
    MergeArrays "MergeArrayHandling" "Newtonsoft.Json.Linq.MergeArrayHandling" [] true;
    MergeNulls "MergeNullValueHandling" "Newtonsoft.Json.Linq.MergeNullValueHandling" [] true;
    AddressFamily "AddressFamily" "System.Net.Sockets.AddressFamily" [] true;
    NameType "X509NameType" "System.Security.Cryptography.X509Certificates.X509NameType" [] true;
    ContentType "X509ContentType" "System.Security.Cryptography.X509Certificates.X509ContentType" [] true;
    SaveOptions "SaveOptions" "System.Xml.Linq.SaveOptions" [] true;
    NumberStyles "NumberStyles" "System.Globalization.NumberStyles" [] true;
    DateTimeStyles "DateTimeStyles" "System.Globalization.DateTimeStyles" [] true;
    MidpointRounding "MidpointRounding" "System.MidpointRounding" [] true;
    HashName "HashAlgorithmName" "System.Security.Cryptography.HashAlgorithmName" [] true;
    SignaturePadding "RSASignaturePadding" "System.Security.Cryptography.RSASignaturePadding" [] true;
}

impl Kind {
    /// Whether it is `other` or derives from it.
    pub(crate) fn is_a(self, other: Self) -> bool {
        self == other || other == Self::Object || self.parents().iter().any(|parent| parent.is_a(other))
    }

    /// Whether its values are only known when they are there.
    pub(crate) fn is_open(self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::Object
                | Self::Dynamic
                | Self::Null
                | Self::JToken
                | Self::JContainer
                | Self::Record
                | Self::XObject
                | Self::XNode
        )
    }

    pub(crate) fn of_part(part: Part) -> Self {
        match part {
            Part::Context => Self::Context,
            Part::Api => Self::Api,
            Part::Deployment => Self::Deployment,
            Part::Gateway => Self::Gateway,
            Part::LastError => Self::LastError,
            Part::Operation => Self::Operation,
            Part::Product => Self::Product,
            Part::Request => Self::Request,
            Part::Response => Self::Response,
            Part::Subscription => Self::Subscription,
            Part::User => Self::User,
            Part::Workspace => Self::Workspace,
            Part::KeyNames => Self::KeyNames,
        }
    }

    /// A type by the name that a document uses, without namespace.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "Object" => Self::Object,
            "String" => Self::String,
            "Boolean" => Self::Bool,
            "Char" => Self::Char,
            "Byte" | "sbyte" | "SByte" => Self::Byte,
            "Int32" | "short" | "Int16" | "ushort" | "UInt16" => Self::Int,
            "Int64" | "uint" | "UInt32" | "ulong" | "UInt64" => Self::Long,
            "Double" | "float" | "Single" => Self::Double,
            "Decimal" => Self::Decimal,
            "Enumerable"
            | "IEnumerable"
            | "ICollection"
            | "IReadOnlyCollection"
            | "IOrderedEnumerable"
            | "MatchCollection"
            | "GroupCollection" => Self::Enumerable,
            "ISet" | "SortedSet" => Self::HashSet,
            "IList" | "IReadOnlyList" => Self::List,
            "IDictionary" | "SortedDictionary" => Self::Dictionary,
            "HttpUtility" => Self::WebUtility,
            "RSACng" | "RSACryptoServiceProvider" => Self::Rsa,
            "SHA256Managed" | "SHA256CryptoServiceProvider" => Self::Sha256,
            "SHA1Managed" | "SHA1CryptoServiceProvider" => Self::Sha1,
            "SHA512Managed" | "SHA512CryptoServiceProvider" => Self::Sha512,
            "MD5CryptoServiceProvider" => Self::Md5,
            "UTF8Encoding" | "ASCIIEncoding" => Self::Encoding,
            "X509Certificate" => Self::Certificate,
            "Action" | "Predicate" => Self::Func,
            "ValueTuple" => Self::Tuple,
            "RNGCryptoServiceProvider" => Self::SecureRandom,
            "SHA384Managed" => Self::Sha384,
            "HMAC" | "KeyedHashAlgorithm" => Self::HashAlgorithm,
            "Capture" => Self::Group,
            _ if name.ends_with("Exception") => Self::Exception,
            _ => {
                return Self::ALL.iter().copied().find(|kind| {
                    kind.name() == name && !matches!(kind, Self::Null | Self::Unknown | Self::Record | Self::Bytes)
                });
            }
        })
    }
}

/// A type as far as it is known before evaluation.
#[derive(Clone, PartialEq, Eq)]
pub struct Type {
    /// Without arguments.
    pub kind: Kind,
    /// Generic arguments, or the element of an array; empty when unknown.
    pub args: Option<Arc<[Type]>>,
    /// Names of the items of a tuple; an item without one has the empty name.
    pub names: Option<Arc<[Arc<str>]>>,
}

impl Type {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self::plain(Kind::Unknown);

    /// Without arguments.
    pub const fn plain(kind: Kind) -> Self {
        Self { kind, args: None, names: None }
    }

    /// With arguments.
    pub(crate) fn of(kind: Kind, args: Vec<Self>) -> Self {
        Self { kind, args: (!args.is_empty()).then(|| args.into()), names: None }
    }

    /// A tuple of these.
    pub(crate) fn tuple(args: Vec<Self>, names: &[String]) -> Self {
        let names = names.iter().map(|name| name.as_str().into()).collect();
        Self { names: Some(names), ..Self::of(Kind::Record, args) }
    }

    /// How many items a tuple has.
    pub(crate) fn items(&self) -> Option<usize> {
        self.names.as_ref().and(self.args.as_ref()).map(|args| args.len())
    }

    /// An array of this.
    pub(crate) fn array(self) -> Self {
        if self.kind == Kind::Byte { Self::plain(Kind::Bytes) } else { Self::of(Kind::Array, vec![self]) }
    }

    pub(crate) fn arg(&self, index: usize) -> Self {
        self.args.as_ref().and_then(|args| args.get(index)).cloned().unwrap_or(Self::UNKNOWN)
    }

    /// What `foreach` over it gives.
    pub(crate) fn element(&self) -> Self {
        match self.kind {
            Kind::String => Self::plain(Kind::Char),
            Kind::Bytes => Self::plain(Kind::Int),
            Kind::JToken | Kind::JArray | Kind::JContainer => Self::plain(Kind::JToken),
            Kind::JObject => Self::UNKNOWN,
            Kind::Dynamic => Self::plain(Kind::Dynamic),
            Kind::Grouping => self.arg(1),
            Kind::Headers => {
                Self::of(Kind::KeyValuePair, vec![Self::plain(Kind::String), Self::plain(Kind::String).array()])
            }
            Kind::Variables => Self::of(Kind::KeyValuePair, vec![Self::plain(Kind::String), Self::UNKNOWN]),
            Kind::Dictionary => Self::of(Kind::KeyValuePair, vec![self.arg(0), self.arg(1)]),
            _ => self.arg(0),
        }
    }
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        Self::plain(kind)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.args, self.kind) {
            (Some(args), Kind::Array) => write!(f, "{}[]", args[0]),
            (Some(args), kind) => {
                let args: Vec<_> = args.iter().map(ToString::to_string).collect();
                write!(f, "{}<{}>", kind.name(), args.join(", "))
            }
            (None, kind) => f.write_str(kind.name()),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
