//! When two jobs are the same: the one definition of it.
//!
//! There are two questions. [`Inputs`] are equal when two rows say the same; then the later one repeats the earlier one.
//! [`Request`]s are equal when the provider is asked for the same image; then making it twice pays twice. The second
//! question is also put to the queue's database, which answers it in its own language; a property test holds that answer
//! against this one.

use super::{ImageSource, JobSpec, Keep, ModelName};

/// What a row asks for. `P` is a picture's identity, `T` a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs<P, T> {
    /// The picture of the person.
    pub human: P,
    /// The picture of the garment.
    pub cloth: P,
    /// What kind of garment, where the row says so.
    pub cloth_type: Option<T>,
    /// The picture of the second garment.
    pub cloth_2: Option<P>,
    /// What kind of garment the second one is.
    pub cloth_type_2: Option<T>,
    /// The model, where the row names one.
    pub model: Option<T>,
    /// What is to stay as it is.
    pub keep: Keep,
}

/// What the provider is asked for. Equal requests make the same image, and each costs a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request<P, T> {
    human: P,
    cloth: P,
    cloth_2: Option<P>,
    /// What the garments are is sent only where there are two, by their places on the common picture.
    cloth_types: Option<(Option<T>, Option<T>)>,
    model: T,
    /// Sent only to a model that asks for it.
    keep: Option<Keep>,
}

impl<P, T: AsRef<str>> Inputs<P, T> {
    /// The request that these inputs become, where `default_model` is the model of rows that name none.
    #[must_use]
    pub fn request(self, default_model: T) -> Request<P, T> {
        let has_two = self.cloth_2.is_some();
        let model = self.model.unwrap_or(default_model);
        Request {
            human: self.human,
            cloth: self.cloth,
            cloth_2: self.cloth_2,
            cloth_types: has_two.then_some((self.cloth_type, self.cloth_type_2)),
            keep: (model.as_ref() == ModelName::THREE).then_some(self.keep),
            model,
        }
    }
}

impl JobSpec {
    /// Everything but the id and the priority. How paths are spelt makes no difference.
    #[must_use]
    pub fn inputs(&self) -> Inputs<&ImageSource, &str> {
        Inputs {
            human: &self.human.source,
            cloth: &self.cloth.source,
            cloth_type: self.cloth_type.map(super::Garment::word),
            cloth_2: self.second.as_ref().map(|second| &second.image.source),
            cloth_type_2: self.second.as_ref().map(|second| second.garment.word()),
            model: self.model.as_ref().map(ModelName::as_str),
            keep: self.keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Inputs<u8, &str> = Inputs {
        human: 1,
        cloth: 2,
        cloth_type: None,
        cloth_2: None,
        cloth_type_2: None,
        model: None,
        keep: Keep::ALL,
    };

    #[test]
    fn what_is_kept_makes_another_row_and_another_request_only_of_a_model_that_asks_for_it() {
        let other = Inputs { keep: Keep { pose: false, ..Keep::ALL }, ..ROW };
        assert_ne!(ROW, other);
        assert_eq!(ROW.request("v1"), other.request("v1"));
        assert_ne!(ROW.request(ModelName::THREE), other.request(ModelName::THREE));
    }

    #[test]
    fn the_kind_of_a_single_garment_makes_another_row_and_the_same_request() {
        let other = Inputs { cloth_type: Some("upper"), ..ROW };
        assert_ne!(ROW, other);
        assert_eq!(ROW.request("v1"), other.request("v1"));
    }

    #[test]
    fn the_kinds_of_two_garments_make_another_request() {
        let outfit = Inputs { cloth_2: Some(3), cloth_type_2: Some("lower"), ..ROW };
        let other = Inputs { cloth_type: Some("upper"), ..outfit };
        assert_ne!(outfit.request("v1"), other.request("v1"));
        assert_ne!(outfit.request("v1"), ROW.request("v1"));
    }

    #[test]
    fn naming_the_default_model_makes_another_row_and_the_same_request() {
        let named = Inputs { model: Some("v1"), ..ROW };
        assert_ne!(ROW, named);
        assert_eq!(ROW.request("v1"), named.request("v1"));
        assert_ne!(ROW.request("v2"), named.request("v2"));
    }
}
