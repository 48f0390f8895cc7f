//! What is done to subscriptions: creating with keys, new keys, steps between states.

use std::sync::Arc;

use super::{Change, Control, Expect, Ownership, Refused, Run, View};
use crate::{
    model::{Secret, SubscriptionKey},
    settings::{Object, ObjectKind, State, Subscription, objects::Approval},
    store::KeySlot,
};

/// Keys that were made, to be shown once.
#[derive(Debug)]
pub struct IssuedKeys {
    /// The primary key; none when the caller brought it along.
    pub primary: Option<Secret>,
    /// The secondary key; none when the caller brought it along.
    pub secondary: Option<Secret>,
}

impl Control {
    /// Creates a subscription. Keys that are left out are made.
    ///
    /// # Errors
    /// [`Refused::Exists`], or the result would not be valid.
    pub async fn create_subscription(
        &self,
        mut subscription: Subscription,
        run: Run,
    ) -> Result<(Arc<View>, IssuedKeys), Refused> {
        let issued = IssuedKeys {
            primary: self.fill(&mut subscription.key),
            secondary: self.fill(&mut subscription.secondary_key),
        };
        let change = Change::Put { object: subscription.into(), expect: Expect::Absent };
        Ok((self.apply(vec![change], run).await?, issued))
    }

    /// Gives a subscription of the database a new key in that slot; the old one is refused from now on.
    ///
    /// # Errors
    /// Not there, stale, or owned by the file.
    pub async fn regenerate(
        &self,
        id: &str,
        slot: KeySlot,
        expect: Expect,
        run: Run,
    ) -> Result<(Arc<View>, Secret), Refused> {
        let key = SubscriptionKey::generate(&self.entropy);
        let view = self
            .change_subscription(id, expect, run, |subscription| match slot {
                KeySlot::Primary => subscription.key = Some(key.clone()),
                KeySlot::Secondary => subscription.secondary_key = Some(key.clone()),
            })
            .await?;
        Ok((view, key))
    }

    /// Moves a subscription of the database to another state.
    ///
    /// # Errors
    /// [`Refused::NoSuchStep`], or not there, stale, owned by the file.
    pub async fn set_state(&self, id: &str, to: State, expect: Expect, run: Run) -> Result<Arc<View>, Refused> {
        self.change_subscription(id, expect, run, |subscription| subscription.state = to).await
    }

    /// The state that a new subscription starts in when its creator names none: waiting where its product asks for
    /// approval, active elsewhere.
    #[must_use]
    pub fn first_state(&self, subscription: &Subscription) -> State {
        let view = self.view();
        let product = super::merge::product_of(subscription);
        let waits = view
            .settings
            .products
            .iter()
            .any(|known| Some(known.id.as_str()) == product && known.approval == Approval::Required);
        if waits { State::Submitted } else { State::Active }
    }

    /// Reads, changes and writes; decided anew when somebody else wrote in between and the caller named no version.
    async fn change_subscription(
        &self,
        id: &str,
        expect: Expect,
        run: Run,
        change: impl Fn(&mut Subscription),
    ) -> Result<Arc<View>, Refused> {
        loop {
            let (mut subscription, read) = self.stored_subscription(id)?;
            change(&mut subscription);
            let object = subscription.into();
            let anew = matches!(expect, Expect::Anything | Expect::Present);
            let expect = if anew { read } else { expect.clone() };
            match self.apply(vec![Change::Put { object, expect }], run).await {
                Err(Refused::Stale { .. }) if anew => {}
                decided => return decided,
            }
        }
    }

    fn stored_subscription(&self, id: &str) -> Result<(Subscription, Expect), Refused> {
        let (kind, id) = (ObjectKind::Subscription, id.to_owned());
        let view = self.view();
        match view.get(kind, &id).map(|entry| (&entry.object, &entry.ownership, &entry.etag)) {
            Some((_, Ownership::File(origin), _)) => Err(Refused::FileOwned { kind, id, origin: origin.clone() }),
            Some((Object::Subscription(subscription), _, etag)) => {
                Ok(((**subscription).clone(), Expect::Unchanged(vec![etag.clone()])))
            }
            _ => Err(Refused::NotFound { kind, id }),
        }
    }

    fn fill(&self, key: &mut Option<Secret>) -> Option<Secret> {
        if key.is_some() {
            return None;
        }
        let made = SubscriptionKey::generate(&self.entropy);
        *key = Some(made.clone());
        Some(made)
    }
}
