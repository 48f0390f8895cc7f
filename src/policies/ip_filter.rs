//! `ip-filter`: lets callers of certain addresses pass, or refuses them.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
};
use crate::policy::Element;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "ip-filter",
    aliases: &[],
    sections: INBOUND,
    attributes: &[AttributeEntry::required("action", "`allow`: only these addresses pass. `forbid`: these do not.")
        .dynamic()
        .one_of(&["allow", "forbid"])],
    children: &[
        ElementEntry {
            name: "address",
            required: false,
            many: true,
            attributes: &[],
            children: &[],
            content: Content::Text,
            text: "An address, or a network such as `10.0.0.0/8`.",
        },
        ElementEntry {
            name: "address-range",
            required: false,
            many: true,
            attributes: &[
                AttributeEntry::required("from", "The first address.").dynamic(),
                AttributeEntry::required("to", "The last address.").dynamic(),
            ],
            children: &[],
            content: Content::Nothing,
            text: "Addresses from one to another, both included.",
        },
    ],
    content: Content::Nothing,
    manual: "Compares the caller's address (the one that the configuration's trusted proxies tell) with addresses, \
             networks and ranges of IPv4 and IPv6. Who is refused gets 403 with the reason `CallerIpNotAllowed` or \
             `CallerIpBlocked`.",
    example: r#"<ip-filter action="allow"><address>192.0.2.7</address><address-range from="10.0.0.0" to="10.0.0.255" /></ip-filter>"#,
    build,
};

struct IpFilter {
    action: Dynamic<Action>,
    places: Vec<Dynamic<Range>>,
    ranges: Vec<Ends>,
}

/// First and last address of a range.
type Ends = (Dynamic<Arc<str>>, Dynamic<Arc<str>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Allow,
    Forbid,
}

/// Addresses from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range(IpAddr, IpAddr);

impl super::FromValue for Action {
    fn from_value(value: &crate::expression::Value) -> Result<Self, String> {
        match value.to_text().trim() {
            "allow" => Ok(Self::Allow),
            "forbid" => Ok(Self::Forbid),
            other => Err(format!("`action` of `ip-filter` is `{other}`; it must be allow or forbid")),
        }
    }
}

impl super::FromValue for Range {
    fn from_value(value: &crate::expression::Value) -> Result<Self, String> {
        let text = value.to_text();
        let text = text.trim();
        match (text.parse::<IpAddr>(), text.parse::<IpNet>()) {
            (Ok(ip), _) => Ok(Self(ip.to_canonical(), ip.to_canonical())),
            (_, Ok(net)) => Ok(Self(net.network(), net.broadcast())),
            _ => Err(format!("`{text}` is not an address such as 192.0.2.7, nor a network such as 10.0.0.0/8")),
        }
    }
}

impl Range {
    fn between(from: &str, to: &str) -> Result<Self, String> {
        let (from, to) = (address(from)?, address(to)?);
        if from.is_ipv4() != to.is_ipv4() {
            return Err(format!("`{from}` and `{to}` are addresses of different kinds"));
        }
        if from > to { Err(format!("the range from `{from}` to `{to}` is empty")) } else { Ok(Self(from, to)) }
    }

    /// Addresses compare by kind first, so none of the other kind is between.
    fn has(self, ip: IpAddr) -> bool {
        self.0 <= ip && ip <= self.1
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let element = reading.element;
    let before = reading.compiler.troubles.len();
    let places = reading.texts("address");
    let children = element.elements().filter(|child| &*child.name == "address-range");
    let ranges = children.filter_map(|child| range(reading, child)).collect::<Vec<_>>();
    let action = reading.dynamic("action")?;
    if reading.compiler.troubles.len() > before {
        return None;
    }
    if places.is_empty() && ranges.is_empty() {
        return reading.refuse("`ip-filter` needs an `address` or an `address-range`");
    }
    Some(Box::new(IpFilter { action, places, ranges }))
}

fn range(reading: &mut Reading<'_, '_>, element: &Element) -> Option<Ends> {
    let mut inner = reading.child(element);
    let (from, to): (Dynamic<Arc<str>>, Dynamic<Arc<str>>) = (inner.dynamic("from")?, inner.dynamic("to")?);
    let wrong = [from.fixed(), to.fixed()].into_iter().flatten().filter_map(|end| address(end).err());
    let wrong: Vec<_> = wrong.collect();
    if !wrong.is_empty() {
        for why in wrong {
            inner.trouble(&element.place, why);
        }
        return None;
    }
    if let (Some(first), Some(last)) = (from.fixed(), to.fixed())
        && let Err(why) = Range::between(first, last)
    {
        return inner.refuse(why);
    }
    Some((from, to))
}

fn address(text: &str) -> Result<IpAddr, String> {
    let parsed = text.trim().parse::<IpAddr>().map(|ip| ip.to_canonical());
    parsed.map_err(|_| format!("`{text}` is not an address such as 192.0.2.7"))
}

impl Policy for IpFilter {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.filter(flow).into()
    }

    fn needs(&self) -> Needs {
        let of_places = self.places.iter().fold(self.action.needs(), |needs, place| needs.and(place.needs()));
        self.ranges.iter().fold(of_places, |needs, (from, to)| needs.and(from.needs()).and(to.needs()))
    }
}

impl IpFilter {
    fn filter(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let ip = flow.request.ip.map(|ip| ip.to_canonical());
        let is_listed = match ip {
            Some(ip) => self.lists(flow, ip)?,
            None => false,
        };
        let shown = ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        match (self.action.get(flow)?, is_listed) {
            (Action::Allow, true) | (Action::Forbid, false) => Ok(()),
            (Action::Allow, false) => {
                let message = format!("Caller IP address {shown} is not allowed. Access denied.");
                Err(Failure::new("ip-filter", "CallerIpNotAllowed", 403, message))
            }
            (Action::Forbid, true) => {
                Err(Failure::new("ip-filter", "CallerIpBlocked", 403, "Caller IP address is blocked. Access denied."))
            }
        }
    }

    fn lists(&self, flow: &mut Flow<'_>, ip: IpAddr) -> Result<bool, Failure> {
        for place in &self.places {
            if place.get(flow)?.has(ip) {
                return Ok(true);
            }
        }
        for (from, to) in &self.ranges {
            let (from, to) = (from.get(flow)?, to.get(flow)?);
            if Range::between(&from, &to).map_err(|why| Failure::thrown("ip-filter", why))?.has(ip) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    const PLACES: &str = r#"<address>192.0.2.7</address><address>2001:db8::/32</address>
        <address-range from="10.0.0.5" to="10.0.1.4" />"#;

    #[test]
    fn addresses_networks_and_ranges_count() {
        let rows = [
            ("192.0.2.7", true),
            ("::ffff:192.0.2.7", true),
            ("192.0.2.8", false),
            ("10.0.0.5", true),
            ("10.0.0.255", true),
            ("10.0.1.4", true),
            ("10.0.1.5", false),
            ("2001:db8:1::9", true),
            ("2001:db9::1", false),
        ];
        for (ip, is_listed) in rows {
            for (action, passes) in [("allow", is_listed), ("forbid", !is_listed)] {
                let text = format!(r#"<ip-filter action="{action}">{PLACES}</ip-filter>"#);
                let played = Scene::new().section("inbound", &text).ip(ip).run();
                assert_eq!(played.status(), if passes { 200 } else { 403 }, "{action} {ip}");
            }
        }
    }

    #[test]
    fn an_unknown_caller_is_not_allowed() {
        let text = format!(r#"<ip-filter action="allow">{PLACES}</ip-filter>"#);
        assert_eq!(Scene::new().section("inbound", &text).run().status(), 403);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let rows = [
            "<address>10.0.0</address>",
            r#"<address-range from="10.0.0.9" to="10.0.0.1" />"#,
            r#"<address-range from="10.0.0.9" to="::1" />"#,
            "",
        ];
        for text in rows {
            let text = format!(r#"<ip-filter action="allow">{text}</ip-filter>"#);
            assert_eq!(Scene::new().section("inbound", &text).troubles().len(), 1, "{text}");
        }
    }
}
