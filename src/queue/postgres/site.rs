//! A database in which a queue is, or will be.

use std::sync::Arc;

use async_trait::async_trait;

use crate::queue::{Load, Location, Opening, PostgresAddress, Queue, QueueReads, RunHold, Site};

use super::Db;
use super::back_end::PostgresQueue;
use super::connect::Server;
use super::db::args;
use super::error::Result;
use super::load::PostgresLoad;
use super::open::{migrate, must_exist, version};

/// The queue's database.
#[derive(Debug, Clone)]
pub(in crate::queue) struct PostgresDatabase {
    address: PostgresAddress,
}

impl PostgresDatabase {
    pub(in crate::queue) fn at(address: PostgresAddress) -> Self {
        Self { address }
    }

    async fn opened(&self, opening: Opening) -> Result<PostgresQueue> {
        let server = Server::at(&self.address)?;
        match opening {
            Opening::Existing => must_exist(&server).await?,
            Opening::OrMake => migrate(&server).await?,
        }
        Ok(PostgresQueue::on(server))
    }
}

#[async_trait]
impl Site for PostgresDatabase {
    fn location(&self) -> Location {
        self.address.clone().into()
    }

    async fn reach(&self) -> Result<()> {
        let server = Server::at(&self.address)?;
        let client = server.client().await?;
        Db::by_itself(&client).one("SELECT 1", args![]).await?;
        Ok(())
    }

    /// What cannot be reached is taken to exist, so that whoever goes on is told why.
    async fn exists(&self) -> bool {
        let found = async {
            let server = Server::at(&self.address)?;
            let client = server.client().await?;
            version(Db::by_itself(&client), &self.address).await
        };
        found.await.map_or(true, |version| version > 0)
    }

    async fn open(&self, opening: Opening) -> Result<Arc<dyn Queue>> {
        Ok(Arc::new(self.opened(opening).await?))
    }

    async fn open_to_run(&self) -> Result<(Arc<dyn Queue>, RunHold)> {
        let queue = self.opened(Opening::Existing).await?;
        let hold = queue.hold().await?;
        Ok((Arc::new(queue), hold))
    }

    async fn open_to_read(&self) -> Result<Arc<dyn QueueReads>> {
        Ok(Arc::new(self.opened(Opening::Existing).await?))
    }

    async fn stage(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(PostgresLoad::for_new_queue(&self.address).await?))
    }

    async fn look(&self) -> Result<Box<dyn Load>> {
        Ok(Box::new(PostgresLoad::looking_at(&self.address).await?))
    }
}
