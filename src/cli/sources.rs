//! Which options were said, and where: on the command line or in the environment.

use std::collections::HashMap;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// Arguments, and where each of them was said.
#[derive(Debug)]
pub(super) struct Sourced<A> {
    pub(super) said: A,
    pub(super) sources: Sources,
}

/// Where options were said, by the name of their flag.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<String, ValueSource>);

impl Sources {
    fn of(matches: &ArgMatches) -> Self {
        let ids = matches.ids().map(clap::Id::as_str);
        let sources = ids.filter_map(|id| Some((id.replace('_', "-"), matches.value_source(id)?)));
        Self(sources.collect())
    }

    /// Where an option was said; `None` when it was not, or only has a default.
    pub(super) fn of_option(&self, name: &str) -> Option<ValueSource> {
        self.0.get(name).copied().filter(|source| *source != ValueSource::DefaultValue)
    }
}

impl<A: FromArgMatches> FromArgMatches for Sourced<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self { sources: Sources::of(matches), said: A::from_arg_matches(matches)? })
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        // Looked at before the values are taken out, and their sources with them.
        Ok(Self { sources: Sources::of(matches), said: A::from_arg_matches_mut(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.sources = Sources::of(matches);
        self.said.update_from_arg_matches(matches)
    }
}

impl<A: Args> Args for Sourced<A> {
    fn augment_args(command: Command) -> Command {
        A::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        A::augment_args_for_update(command)
    }
}
