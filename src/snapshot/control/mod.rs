//! The one writer of configuration. Whatever changes (an admin call, the command line, a reloaded file, another
//! process) goes through [`Control`]: file and database are merged, checked and compiled, and only then stored and
//! swapped in. Nothing is ever stored that does not compile.
//!
//! Not here: what compiling means (`snapshot`'s compiler, reached through [`Compiler`]), SQL (`store`), HTTP (`admin`).

mod change;
mod merge;
mod refused;
pub mod states;
mod subscriptions;
mod view;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    model::{Clock, Entropy},
    settings::{Problem, Settings},
    store::{Commit, KeyRow, Picture, Revision, Store, StoreError},
};

pub use change::{Change, Expect, Run};
pub use refused::Refused;
pub use subscriptions::IssuedKeys;
pub use view::{Entry, Etag, Ownership, View};

/// How often a commit is decided anew when another process wrote in between: with the waits below, half a second.
const RETRIES: u32 = 20;
/// The longest wait before deciding anew, in ms.
const LONGEST_WAIT: u64 = 64;

/// Makes what the data plane reads out of settings and keys.
pub trait Compiler: Send + Sync {
    /// Compiles everything without touching what is in use.
    ///
    /// `settings` is file and database merged; keys of the file's subscriptions are in it, those of the database's
    /// subscriptions are `keys` (hashes).
    ///
    /// # Errors
    /// Every problem found.
    fn compile(&self, settings: &Arc<Settings>, keys: &[KeyRow]) -> Result<Ready, Vec<Problem>>;
}

/// A compiled state that waits to be used. Dropping it leaves the old one in use.
pub struct Ready(Box<dyn FnOnce() + Send>);

impl Ready {
    /// `swap` puts the compiled state in use; it cannot fail.
    pub fn new(swap: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(swap))
    }
}

/// Compiles to nothing: for the command line's `--offline`, which has no data plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDataPlane;

impl Compiler for NoDataPlane {
    fn compile(&self, _: &Arc<Settings>, _: &[KeyRow]) -> Result<Ready, Vec<Problem>> {
        Ok(Ready::new(|| {}))
    }
}

/// What is declared outside the database.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The file's settings with `settings::with_defaults` applied, or `settings::quick_start()`.
    pub settings: Settings,
    /// Whether there is a configuration file. Objects of the quick start are inactive then.
    pub configured: bool,
}

/// The one writer of configuration.
pub struct Control {
    store: Arc<dyn Store>,
    compiler: Arc<dyn Compiler>,
    clock: Clock,
    entropy: Entropy,
    inner: Mutex<Inner>,
    view: ArcSwap<View>,
}

struct Inner {
    declared: Declared,
    picture: Picture,
    /// A revision of another process that did not compile: reported once, not at every poll.
    refused: Option<Revision>,
}

impl Control {
    /// Merges, checks, compiles and puts in use what is declared and stored.
    ///
    /// # Errors
    /// [`Refused::Invalid`] with every problem, or the store's failure.
    pub async fn start(
        declared: Declared,
        store: Arc<dyn Store>,
        compiler: Arc<dyn Compiler>,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Arc<Self>, Refused> {
        let picture = store.picture().await?;
        let (view, ready) = prepare(&*compiler, &declared, &picture, None)?;
        (ready.0)();
        let inner = Mutex::new(Inner { declared, picture, refused: None });
        Ok(Arc::new(Self { store, compiler, clock, entropy, inner, view: ArcSwap::from_pointee(view) }))
    }

    /// What is in use now.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Applies changes together or not at all and gives what is in use then (or would be, in a dry run).
    ///
    /// # Errors
    /// Nothing has changed; see [`Refused`].
    pub async fn apply(&self, changes: Vec<Change>, run: Run) -> Result<Arc<View>, Refused> {
        let mut inner = self.inner.lock().await;
        for nth in 0..RETRIES {
            match self.attempt(&mut inner, &changes, run).await {
                Err(Refused::Store(StoreError::Moved)) => {
                    self.give_way(nth).await;
                    self.adopt_stored(&mut inner).await?;
                }
                decided => return decided,
            }
        }
        Err(Refused::Store(StoreError::Moved))
    }

    /// Waits at random before the `nth` next try, longer each time: two that write in turn would else meet again.
    async fn give_way(&self, nth: u32) {
        let most = 1_u64.checked_shl(nth).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
        tokio::time::sleep(Duration::from_millis(self.entropy.below(most + 1))).await;
    }

    /// Takes a newly read file in the place of the old one: whole, or not at all.
    ///
    /// # Errors
    /// [`Refused::Invalid`] with every problem; the old state stays in use.
    pub async fn reload(&self, declared: Declared) -> Result<Arc<View>, Refused> {
        let mut inner = self.inner.lock().await;
        let picture = self.store.picture().await?;
        let (view, ready) = self.prepare(&declared, &picture)?;
        inner.declared = declared;
        Ok(self.put_in_use(&mut inner, picture, view, ready))
    }

    /// Takes over what another process wrote; whether there was anything. Meant to be polled.
    ///
    /// # Errors
    /// What the other process wrote does not compile with this process's file (told once per revision): the old
    /// state stays in use, except that keys and subscriptions that were revoked are. Or the store failed.
    pub async fn refresh(&self) -> Result<bool, Refused> {
        let mut inner = self.inner.lock().await;
        let newest = self.store.revision().await?;
        if newest == inner.picture.revision || inner.refused == Some(newest) {
            return Ok(false);
        }
        let adopted = self.adopt_stored(&mut inner).await;
        if matches!(adopted, Err(Refused::Invalid(_))) {
            self.adopt_revocations(&mut inner).await?;
            inner.refused = Some(newest);
        }
        adopted.map(|()| true)
    }

    /// See [`merge::revocations`]. Stays on the old revision: changes made here meanwhile are refused with the
    /// problems of what is stored.
    async fn adopt_revocations(&self, inner: &mut MutexGuard<'_, Inner>) -> Result<(), Refused> {
        let picture = merge::revocations(&inner.picture, &self.store.picture().await?);
        let (view, ready) = prepare(&*self.compiler, &inner.declared, &picture, None)?;
        self.put_in_use(inner, picture, view, ready);
        Ok(())
    }

    async fn attempt(
        &self,
        inner: &mut MutexGuard<'_, Inner>,
        changes: &[Change],
        run: Run,
    ) -> Result<Arc<View>, Refused> {
        let now = self.clock.now();
        let writes = change::decide(&self.view.load(), changes)?;
        let mut picture = merge::after(&inner.picture, &writes, now);
        let (view, ready) = self.prepare(&inner.declared, &picture).map_err(|problems| problems.seen_from(changes))?;
        if run == Run::Dry {
            return Ok(Arc::new(view));
        }
        picture.revision = self.store.commit(Commit { based_on: inner.picture.revision, writes, now }).await?;
        Ok(self.put_in_use(inner, picture, view, ready))
    }

    async fn adopt_stored(&self, inner: &mut MutexGuard<'_, Inner>) -> Result<(), Refused> {
        let picture = self.store.picture().await?;
        let (view, ready) = self.prepare(&inner.declared, &picture)?;
        self.put_in_use(inner, picture, view, ready);
        Ok(())
    }

    fn prepare(&self, declared: &Declared, picture: &Picture) -> Result<(View, Ready), Refused> {
        prepare(&*self.compiler, declared, picture, Some(&self.view.load()))
    }

    /// Without an await between the swap and the bookkeeping: a caller that goes away cannot tear them apart.
    fn put_in_use(
        &self,
        inner: &mut MutexGuard<'_, Inner>,
        picture: Picture,
        view: View,
        Ready(swap): Ready,
    ) -> Arc<View> {
        let view = Arc::new(view);
        swap();
        inner.picture = picture;
        inner.refused = None;
        self.view.store(Arc::clone(&view));
        view
    }
}

fn prepare(
    compiler: &dyn Compiler,
    declared: &Declared,
    picture: &Picture,
    known: Option<&View>,
) -> Result<(View, Ready), Refused> {
    let merged = merge::merge(declared, picture, known)?;
    let settings = Arc::new(merged.settings);
    let problems = crate::settings::check(&settings);
    if !problems.is_empty() {
        return Err(Refused::Invalid(problems));
    }
    match compiler.compile(&settings, &merged.keys) {
        Ok(ready) => Ok((View::new(picture.revision, settings, merged.entries), ready)),
        Err(problems) => Err(Refused::Invalid(merge::name_objects(problems, &settings, declared))),
    }
}
