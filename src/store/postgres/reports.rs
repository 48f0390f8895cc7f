//! Reports and the log of requests, each as of one moment.

use sqlx::Connection;
use uuid::Uuid;

use super::{ONE_MOMENT, Postgres};
use crate::{
    exchange::UsageRow,
    store::{
        Answer, Report, ReportQuery, Reports, RowQuery,
        ledger::{log, report},
    },
};

impl Reports for Postgres {
    fn report(&self, query: ReportQuery) -> Answer<'_, Report> {
        let known = self.series.clone();
        Box::pin(self.with(|connection| {
            Box::pin(
                async move { report::report(&mut *connection.begin_with(ONE_MOMENT).await?, &known, &query).await },
            )
        }))
    }

    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<UsageRow>> {
        let known = self.series.clone();
        Box::pin(self.with(|connection| {
            Box::pin(async move { log::rows(&mut *connection.begin_with(ONE_MOMENT).await?, &known, &query).await })
        }))
    }

    fn row(&self, id: Uuid) -> Answer<'_, Option<UsageRow>> {
        let known = self.series.clone();
        Box::pin(self.with(move |connection| {
            Box::pin(async move { log::row(&mut *connection.begin_with(ONE_MOMENT).await?, &known, id).await })
        }))
    }
}
