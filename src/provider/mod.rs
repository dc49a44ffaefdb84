//! The provider's interface, as far as the program uses it: create a task, ask for it, fetch its result.
//!
//! Answers for: what an answer *means* ([`meaning`]), and that the key goes nowhere but to the provider's own
//! origin. Leaves to the runner when to call, how often, and what to do about it. The facts are `docs/provider.md`'s.

mod account;
mod answer;
#[cfg(test)]
mod answers_tests;
mod auth;
mod bill;
mod body;
mod client;
pub mod meaning;
mod result_host;
mod sandbox_shelf;
mod seam;
mod shape;
mod solutions;
#[cfg(test)]
mod solutions_tests;
mod transport;

pub use account::{COUNT_MAY_BE_OLD, PackageStatus, ResourcePackage};
pub use answer::{
    AnswerFacts, CreateFate, ListAnswer, QueryAnswer, ResultImage, TaskReport, TaskStatus, Told, Trouble,
};
pub use auth::Auth;
pub use bill::{BillLine, BillPage, BillPlace, PaidFrom};
pub use body::{Picture, RequestBody};
pub use client::{HttpProvider, LARGEST_PAGE};
pub use meaning::{Meaning, StopReason, TaskFault, task_fault};
pub use result_host::{FetchError, HttpResultHost};
pub use sandbox_shelf::SandboxShelf;
pub use seam::{Download, Ids, Provider, ResultHost, Submission};
pub use solutions::SolutionsProvider;
pub use transport::Timeouts;
