//! What pictures cost, by the rules that vendors publish.
//!
//! OpenAI, guide "Images and vision", section "Calculating costs" (platform.openai.com/docs/guides/images-vision):
//! older models charge a base and 512 px tiles of the picture scaled to fit 2048 px and 768 px on its short side, the
//! younger ones 32 px patches up to a budget, times a factor. Its factors for the small models of gpt-5 have been
//! measured to be charged lower (1.2 where 1.62 is published): the published ones bound. Anthropic, "Vision": width
//! times height by 750, scaled to fit. Google, "Understand token counts": 258, or 258 for each tile of 768 px.

use tollgate_providers::{
    models::{self, Vendor},
    prompt::{Detail, Image},
};

/// How a family of models charges pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// A base, and so much for each 512 px tile.
    Tiles { base: u64, tile: u64 },
    /// Patches of 32 px, at most so many (for `original` more), times hundredths.
    Patches { most: u64, original: u64, hundredths: u64 },
}

const fn patches(hundredths: u64) -> Rule {
    Rule::Patches { most: 1_536, original: 1_536, hundredths }
}

/// OpenAI's table; the longest matching prefix counts.
const OPENAI: [(&str, Rule); 28] = [
    ("gpt-4o", Rule::Tiles { base: 85, tile: 170 }),
    ("chatgpt-4o", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-4-turbo", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-4.1", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-4.5", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-4o-mini", Rule::Tiles { base: 2_833, tile: 5_667 }),
    ("o1", Rule::Tiles { base: 75, tile: 150 }),
    ("o3", Rule::Tiles { base: 75, tile: 150 }),
    ("computer-use-preview", Rule::Tiles { base: 65, tile: 129 }),
    ("gpt-5", Rule::Tiles { base: 70, tile: 140 }),
    ("gpt-4.1-mini", patches(162)),
    ("gpt-4.1-nano", patches(246)),
    ("o4-mini", patches(172)),
    ("codex-mini", patches(172)),
    ("gpt-5-mini", patches(162)),
    ("gpt-5-nano", patches(246)),
    ("gpt-5-codex-mini", patches(162)),
    ("gpt-5.1-codex-mini", patches(162)),
    ("gpt-5.2", patches(120)),
    ("gpt-5.3", patches(120)),
    ("gpt-5.4", Rule::Patches { most: 2_500, original: 10_000, hundredths: 120 }),
    ("gpt-5.4-mini", patches(162)),
    ("gpt-5.4-nano", patches(246)),
    ("gpt-5.5", Rule::Patches { most: 10_000, original: 10_000, hundredths: 120 }),
    ("gpt-4-vision", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-4-1106-vision", Rule::Tiles { base: 85, tile: 170 }),
    ("gpt-5.1", Rule::Tiles { base: 70, tile: 140 }),
    ("gpt-5-chat", Rule::Tiles { base: 70, tile: 140 }),
];

/// What one picture costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Likely tokens.
    pub tokens: u64,
    /// A bound, where there is one.
    pub at_most: Option<u64>,
}

/// A picture of usual size, where neither its size nor a rule is known.
const USUAL: u64 = 1_600;
/// Anthropic scales what exceeds about so many tokens down; its models from Opus 4.7 on take up to 2576 px.
const ANTHROPIC_MOST: u64 = 1_640;
const ANTHROPIC_YOUNG_MOST: u64 = 4_784;

/// What a picture costs with a model.
pub(super) fn cost(model: &str, image: Image) -> Cost {
    let name = models::bare(model);
    if let Some(rule) = rule(name) {
        return openai(rule, image);
    }
    match models::known(name).map(|known| known.vendor) {
        Some(Vendor::Anthropic) => anthropic(image),
        Some(Vendor::Google) => google(image),
        _ => Cost { tokens: USUAL, at_most: None },
    }
}

fn rule(name: &str) -> Option<Rule> {
    let matching = OPENAI.iter().filter(|(prefix, _)| models::begins_with(name, prefix));
    matching.max_by_key(|(prefix, _)| prefix.len()).map(|(_, rule)| *rule)
}

fn openai(rule: Rule, image: Image) -> Cost {
    match rule {
        Rule::Tiles { base, .. } if image.detail == Detail::Low => known(base),
        Rule::Tiles { base, tile } => {
            // Four by two tiles are the most that fit 2048 px by 768 px.
            let most = base + tile * 8;
            image
                .size
                .map_or(Cost { tokens: base + tile * 4, at_most: Some(most) }, |size| known(base + tile * tiles(size)))
        }
        Rule::Patches { most, original, hundredths } => {
            let most = if image.detail == Detail::Original { original } else { most };
            let charged = |patches: u64| (patches * hundredths).div_ceil(100);
            image.size.map_or(Cost { tokens: charged(most.min(1_024)), at_most: Some(charged(most)) }, |size| {
                known(charged(patch_count(size, most)))
            })
        }
    }
}

fn known(tokens: u64) -> Cost {
    Cost { tokens, at_most: Some(tokens) }
}

/// 512 px tiles of the picture, scaled down to fit 2048 px by 2048 px and then to 768 px on its short side.
fn tiles((width, height): (u32, u32)) -> u64 {
    let (long, short) = (u128::from(width.max(height)), u128::from(width.min(height)));
    // Lengths stay exact fractions over `unit`: nothing is rounded before the end.
    let mut unit = 1;
    let (mut scaled_long, mut scaled_short) = (long, short);
    if long > 2048 {
        (scaled_long, scaled_short, unit) = (2048 * long, 2048 * short, long);
    }
    if scaled_short > 768 * unit {
        (scaled_long, scaled_short, unit) = (768 * scaled_long, 768 * scaled_short, scaled_short);
    }
    let across = |length: u128| u64::try_from(length.div_ceil(512 * unit)).unwrap_or(4).max(1);
    across(scaled_long) * across(scaled_short)
}

/// 32 px patches of the picture, scaled down until no more than `most` cover it.
fn patch_count((width, height): (u32, u32), most: u64) -> u64 {
    let patches = u64::from(width).div_ceil(32) * u64::from(height).div_ceil(32);
    // A picture beyond the budget is scaled to use nearly all of it; charges of all of it have been seen.
    patches.min(most)
}

fn anthropic(image: Image) -> Cost {
    let cost = image.size.map(|(width, height)| (u64::from(width) * u64::from(height)).div_ceil(750));
    let tokens = cost.map_or(USUAL, |tokens| tokens.min(ANTHROPIC_MOST));
    Cost { tokens, at_most: Some(cost.map_or(ANTHROPIC_YOUNG_MOST, |tokens| tokens.min(ANTHROPIC_YOUNG_MOST))) }
}

/// 258 for a picture of up to 384 px both ways, else for each tile, whose side is 1.5th of the short side, 256 to 768.
fn google(image: Image) -> Cost {
    const TILE: u64 = 258;
    let Some((width, height)) = image.size else { return Cost { tokens: TILE * 4, at_most: None } };
    if width <= 384 && height <= 384 {
        return known(TILE);
    }
    let side = (width.min(height) * 2 / 3).clamp(256, 768);
    known(u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side)) * TILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(model: &str, detail: Detail, size: (u32, u32)) -> u64 {
        cost(model, Image { detail, size: Some(size) }).tokens
    }

    /// The guide's own examples, and charges that users reported from the API.
    #[test]
    fn published_examples_come_out() {
        let high = Detail::High;
        let cases = [
            ("gpt-4o", high, (1024, 1024), 765),
            ("gpt-4o", high, (2048, 4096), 1105),
            ("gpt-4o", Detail::Low, (4096, 8192), 85),
            ("gpt-4o", high, (128, 64), 255),
            ("gpt-4o", high, (512, 512), 255),
            ("gpt-4o-mini", high, (128, 64), 8500),
            ("o3", high, (128, 64), 225),
            ("gpt-4.1-mini", high, (1024, 1024), 1659),
            ("gpt-4.1-mini", high, (4000, 1474), 2489),
            ("gpt-4.1-nano", high, (128, 64), 20),
            ("o4-mini", Detail::Low, (32, 32), 2),
            ("gpt-5.4", high, (4000, 4000), 3000),
            ("gpt-5.4", Detail::Original, (3200, 3200), 12_000),
            ("claude-opus-4-5", high, (1000, 1000), 1334),
            ("claude-opus-4-5", high, (8000, 8000), 1640),
            ("gemini-2.5-pro", high, (384, 384), 258),
            ("gemini-2.5-pro", high, (960, 540), 1548),
        ];
        for (model, detail, size, expected) in cases {
            assert_eq!(tokens(model, detail, size), expected, "{model} {size:?}");
        }
    }

    #[test]
    fn a_picture_of_unknown_size_has_a_bound_where_the_rule_has_one() {
        let unseen = |model: &str| cost(model, Image { detail: Detail::Auto, size: None }).at_most;
        assert_eq!(unseen("gpt-4o"), Some(1445));
        assert_eq!(unseen("gpt-4.1-mini"), Some(2489));
        assert_eq!(unseen("claude-sonnet-5"), Some(4784));
        assert_eq!(unseen("llama-4"), None);
        for model in ["gpt-4o", "gpt-4.1-mini", "o3"] {
            let bound = unseen(model).expect("a bound");
            for size in [(1, 1), (1, 65_535), (4096, 1536), (10_000, 10_000), (u32::MAX, u32::MAX), (769, 2048)] {
                assert!(tokens(model, Detail::High, size) <= bound, "{model} {size:?}");
            }
        }
    }
}
