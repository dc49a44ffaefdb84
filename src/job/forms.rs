//! The forms of the provider's API, by the models that are asked for in them.

use super::ModelName;

/// Which forms of the API an account is open in. A row that names a model is only made by an account that is open in its form; a
/// row that names none is made by any, with the model of that account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// The form of the `kolors` models.
    pub kolors: bool,
    /// The "solutions" form, of try-on 3.0.
    pub solutions: bool,
}

impl Forms {
    /// Both.
    pub const ALL: Self = Self { kolors: true, solutions: true };

    /// Whether a model is asked for in one of them.
    #[must_use]
    pub fn take(self, model: &ModelName) -> bool {
        if model.is_of_solutions() { self.solutions } else { self.kolors }
    }

    /// Those of two accounts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { kolors: self.kolors || other.kolors, solutions: self.solutions || other.solutions }
    }
}

impl Default for Forms {
    fn default() -> Self {
        Self::ALL
    }
}
