//! What `cache-lookup-value`, `cache-store-value`, `cache-remove-value`, `cache-lookup` and `cache-store` share.

use super::{Reading, catalogue::AttributeEntry};

/// `caching-type`.
pub const CACHING_TYPE: AttributeEntry = AttributeEntry::optional(
    "caching-type",
    "prefer-external",
    "`internal`, `external` or `prefer-external`. There is no cache beside the process: all of them are the built-in one.",
)
.one_of(&["internal", "external", "prefer-external"]);

/// `key`.
pub const KEY: AttributeEntry = AttributeEntry::required("key", "Key of the value.").dynamic();

/// Notes that an external cache is asked for where there is none.
pub fn caching_type(reading: &mut Reading<'_, '_>) {
    if reading.literal("caching-type").as_deref().map(str::trim) == Some("external") {
        let place = reading.element.place.clone();
        let message = "caching-type=\"external\": no cache beside the process is configured; the built-in one is used";
        reading.compiler.warn(&place, message);
    }
}
