//! Which cards are asked for, and a page of them: by the place of the last one, so that a page costs the same wherever it is.

use serde::{Deserialize, Serialize};

use super::cards::{Card, Cards};
use super::{Page, PageError};
use crate::job::{Flag, JobSeq, StateName};
use crate::queue::{JobRecord, Judged, QueueError, QueueReads, Selection};

/// This many cards are on a page.
pub(super) const PAGE_CARDS: usize = 60;

/// This many cards may be asked about at once.
const MOST_ASKED: usize = 2 * PAGE_CARDS;

/// This many reads of the queue answer one question. Where few of many jobs are like that, an answer has few cards, and the
/// script asks on.
const MOST_READS: usize = 8;

/// What a page's address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    /// Words of states, separated by commas.
    state: String,
    /// `any`, or a flag's word.
    flag: String,
    /// `approved`, `rejected` or `unjudged`.
    verdict: String,
    account: String,
    column: String,
    value: String,
    /// A job's id.
    find: String,
    /// `flagged` or `order`.
    sort: String,
    /// Where the page before ended; empty for the first.
    after: String,
    /// This many cards at most, where the page has some already.
    most: Option<usize>,
}

/// A page of cards.
#[derive(Debug, Serialize)]
pub(super) struct CardPage {
    cards: Vec<Card>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The last job that was looked at, where there are fewer cards than fit.
    seen: i64,
}

/// A place in the list: among the flagged ones, which come first, or behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    part: Part,
    after: JobSeq,
}

/// A part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Flagged,
    /// What is not flagged, behind what is.
    Rest,
    /// All in manifest order.
    All,
}

impl Part {
    fn flagged(self) -> Option<bool> {
        match self {
            Self::Flagged => Some(true),
            Self::Rest => Some(false),
            Self::All => None,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Flagged => 'f',
            Self::Rest => 'r',
            Self::All => 'a',
        }
    }
}

impl Place {
    fn text(self) -> String {
        format!("{}{}", self.part.letter(), self.after.0)
    }

    fn read(text: &str) -> Option<Self> {
        let part = [Part::Flagged, Part::Rest, Part::All].into_iter().find(|part| text.starts_with(part.letter()))?;
        let after = text.get(1..)?.parse().ok().filter(|after| *after >= 0)?;
        Some(Self { part, after: JobSeq(after) })
    }
}

/// A wish that was understood.
struct Filter<'a> {
    states: Vec<StateName>,
    flag: Option<Flag>,
    is_flagged: bool,
    judged: Option<Judged>,
    account: Option<&'a str>,
    columns: Vec<(String, String)>,
}

impl Wish {
    fn filter(&self) -> Result<Filter<'_>, PageError> {
        let unknown = |what: &str, word: &str| PageError::Asked(format!("`{word}` is no {what}"));
        let words = self.state.split(',').filter(|word| !word.is_empty());
        let states = words.map(|word| StateName::from_word(word).ok_or_else(|| unknown("state", word)));
        let flag = match self.flag.as_str() {
            "" | "any" => None,
            word => {
                let known = Flag::ALL.into_iter().find(|flag| flag.word() == word);
                Some(known.ok_or_else(|| unknown("flag", word))?)
            }
        };
        let judged = match self.verdict.as_str() {
            "" => None,
            "approved" => Some(Judged::Approved),
            "rejected" => Some(Judged::Rejected),
            "unjudged" => Some(Judged::Unjudged),
            word => return Err(unknown("verdict", word)),
        };
        Ok(Filter {
            states: states.collect::<Result<_, _>>()?,
            flag,
            is_flagged: !self.flag.is_empty(),
            judged,
            account: Some(self.account.as_str()).filter(|name| !name.is_empty()),
            columns: (!self.column.is_empty()).then(|| (self.column.clone(), self.value.clone())).into_iter().collect(),
        })
    }

    fn begin(&self, filter: &Filter<'_>) -> Result<Place, PageError> {
        if !self.after.is_empty() {
            return Place::read(&self.after).ok_or_else(|| PageError::Asked(format!("`{}` is no place", self.after)));
        }
        let part = match self.sort.as_str() {
            _ if filter.is_flagged => Part::Flagged,
            "order" => Part::All,
            "" | "flagged" => Part::Flagged,
            word => return Err(PageError::Asked(format!("`{word}` is no order"))),
        };
        Ok(Place { part, after: JobSeq(0) })
    }
}

/// The page that is wished for.
pub(super) async fn page(queue: &dyn QueueReads, wish: &Wish) -> Result<CardPage, PageError> {
    if !wish.find.is_empty() {
        return one(queue, &wish.find).await;
    }
    let filter = wish.filter()?;
    let mut place = Some(wish.begin(&filter)?);
    let most = wish.most.unwrap_or(PAGE_CARDS).clamp(1, PAGE_CARDS);
    let (mut jobs, mut seen) = (Vec::new(), 0);
    for _ in 0..MOST_READS {
        let Some(from) = place.filter(|_| jobs.len() < most) else { break };
        let selection = Selection {
            states: &filter.states,
            flagged: from.part.flagged(),
            judged: filter.judged,
            account: filter.account,
            columns: &filter.columns,
        };
        let page = queue.jobs_page(selection, from.after, most - jobs.len()).await?;
        seen = page.next.or(page.jobs.last().map(|job| job.seq)).map_or(seen, |seq| seq.0);
        jobs.extend(
            page.jobs.into_iter().filter(|job| filter.flag.is_none_or(|flag| job.flags.iter().any(|own| own == flag))),
        );
        place = match (page.next, from.part) {
            (Some(after), part) => Some(Place { part, after }),
            (None, Part::Flagged) if !filter.is_flagged => Some(Place { part: Part::Rest, after: JobSeq(0) }),
            (None, _) => None,
        };
    }
    let mut cards = Cards::default();
    Ok(CardPage { cards: jobs.into_iter().map(|job| cards.of(job)).collect(), next: place.map(Place::text), seen })
}

/// The job of an id alone.
async fn one(queue: &dyn QueueReads, id: &str) -> Result<CardPage, PageError> {
    let found = match queue.job(id.trim()).await {
        Ok(job) => Some(job),
        Err(QueueError::NoSuchJob(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let cards = found.into_iter().map(|job| Cards::default().of(job)).collect();
    Ok(CardPage { cards, next: None, seen: 0 })
}

/// Which of the cards that a window shows are others by now: `asked` names them as `12.1a2b3c4d,13.…`.
pub(super) async fn changed(queue: &dyn QueueReads, asked: &str) -> Result<Vec<Card>, PageError> {
    let pairs = asked.split(',').filter_map(|pair| pair.split_once('.'));
    let known: Vec<(i64, &str)> = pairs.filter_map(|(seq, version)| Some((seq.parse().ok()?, version))).collect();
    if known.len() > MOST_ASKED {
        return Err(PageError::Asked(format!("more than {MOST_ASKED} cards")));
    }
    let mut cards = Cards::default();
    let mut changed = Vec::new();
    for (job, version) in by_number(queue, &known).await? {
        let card = cards.of(job);
        if card.version() != version {
            changed.push(card);
        }
    }
    Ok(changed)
}

/// The jobs of these numbers: read in as few pages as those that follow one another allow.
async fn by_number<'a>(
    queue: &dyn QueueReads,
    known: &[(i64, &'a str)],
) -> Result<Vec<(JobRecord, &'a str)>, PageError> {
    let mut wanted = known.to_vec();
    wanted.sort_unstable();
    let mut found = Vec::with_capacity(wanted.len());
    let mut rest = wanted.as_slice();
    while let Some((first, _)) = rest.first() {
        // As far as it is worth reading over what lies between.
        let run = rest.iter().take_while(|(seq, _)| seq - first < MOST_ASKED as i64).count();
        let (now, later) = rest.split_at(run);
        let span = now.last().map_or(0, |(last, _)| last - first + 1);
        let most = usize::try_from(span).unwrap_or(MOST_ASKED);
        let page = queue.jobs_page(Selection::default(), JobSeq(first - 1), most).await?;
        for job in page.jobs {
            if let Ok(place) = now.binary_search_by_key(&job.seq.0, |(seq, _)| *seq) {
                found.push((job, now[place].1));
            }
        }
        rest = later;
    }
    Ok(found)
}

/// One job by its number.
pub(super) async fn job(page: &Page, seq: i64) -> Result<Option<JobRecord>, PageError> {
    let Some(before) = seq.checked_sub(1).filter(|before| *before >= 0) else { return Ok(None) };
    let found = page.queue.jobs_page(Selection::default(), JobSeq(before), 1).await?;
    Ok(found.jobs.into_iter().next().filter(|job| job.seq.0 == seq))
}
