//! "Did you mean": the field or value that somebody had in mind.

/// What people coming from other gateways write, and our word for it.
const ALIASES: &[(&str, &str)] = &[
    ("address", "listen"),
    ("affinity", "session_affinity"),
    ("alias", "name"),
    ("apikey", "key"),
    ("authorization", "key"),
    ("backend", "backends"),
    ("backends", "members"),
    ("baseurl", "url"),
    ("basepath", "path"),
    ("bind", "listen"),
    ("breaker", "circuit_breaker"),
    ("breakers", "circuit_breaker"),
    ("cafile", "ca"),
    ("cert", "certificate"),
    ("certfile", "certificate"),
    ("deployment", "upstream_model"),
    ("endpoint", "url"),
    ("expiresat", "expires"),
    ("expiry", "expires"),
    ("host", "hosts"),
    ("host", "url"),
    ("id", "name"),
    ("keyfile", "key"),
    ("labels", "metadata"),
    ("lb", "balance"),
    ("maxattempts", "attempts"),
    ("model", "upstream_model"),
    ("name", "id"),
    ("port", "listen"),
    ("prefix", "path"),
    ("provider", "kind"),
    ("retries", "retry"),
    ("route", "path"),
    ("secret", "key"),
    ("spec", "openapi"),
    ("sticky", "session_affinity"),
    ("strategy", "balance"),
    ("swagger", "openapi"),
    ("target", "url"),
    ("timeout", "timeouts"),
    ("token", "key"),
    ("type", "kind"),
    ("upstream", "url"),
    ("uri", "url"),
];

/// The likely one of `allowed` for what was written, if any is likely.
pub fn likely<'a>(written: &str, allowed: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let plain = normal(written);
    let same = allowed.clone().into_iter().find(|name| normal(name) == plain);
    same.or_else(|| alias(&plain, allowed.clone())).or_else(|| nearest(written, allowed))
}

/// `; did you mean `x`?` or nothing, to end a message with.
pub fn hint<'a>(written: &str, allowed: impl IntoIterator<Item = &'a str> + Clone) -> String {
    likely(written, allowed).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn alias<'a>(plain: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = |name: &&str| ALIASES.contains(&(plain, *name));
    allowed.into_iter().find(known)
}

/// The one of `allowed` that differs least, if it differs little.
pub fn nearest<'a>(written: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = normal(written);
    let limit = (plain.chars().count() / 3).clamp(1, 3);
    let scored = allowed.into_iter().map(|name| (strsim::osa_distance(&plain, &normal(name)), name));
    scored.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn normal(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_other_spellings_and_other_words_are_understood() {
        let fields = ["id", "kind", "url", "key", "key_header", "circuit_breaker", "timeouts"];
        let rows = [
            ("kinf", Some("kind")),
            ("circuitBreaker", Some("circuit_breaker")),
            ("key-header", Some("key_header")),
            ("api_key", Some("key")),
            ("base_url", Some("url")),
            ("name", Some("id")),
            ("timout", Some("timeouts")),
            ("colour", None),
            ("x", None),
        ];
        for (written, wanted) in rows {
            assert_eq!(likely(written, fields), wanted, "{written}");
        }
        assert_eq!(likely("azre", ["azure", "openai"]), Some("azure"));
    }
}
