//! Reports and the log of requests, each as of one moment.

use uuid::Uuid;

use super::Sqlite;
use crate::{
    exchange::UsageRow,
    store::{
        Answer, Report, ReportQuery, Reports, RowQuery,
        ledger::{log, report},
    },
};

impl Reports for Sqlite {
    fn report(&self, query: ReportQuery) -> Answer<'_, Report> {
        Box::pin(async move { report::report(&mut *self.read.begin().await?, &self.series, &query).await })
    }

    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<UsageRow>> {
        Box::pin(async move { log::rows(&mut *self.read.begin().await?, &self.series, &query).await })
    }

    fn row(&self, id: Uuid) -> Answer<'_, Option<UsageRow>> {
        Box::pin(async move { log::row(&mut *self.read.begin().await?, &self.series, id).await })
    }
}
