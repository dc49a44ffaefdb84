//! Which of all pairs are taken.
//!
//! Every pair has a score of its own, made of the two pictures' keys and the seed; a choice takes the lowest. So the
//! same command chooses the same pairs on every machine, a larger choice holds the smaller one (what was made for it
//! is not made again), and a new picture in a folder changes little.

use std::collections::BinaryHeap;

/// How many of all pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Every one.
    All,
    /// So many, from anywhere.
    Sample(u64),
    /// Each garment on this many of the people.
    PerCloth(u64),
}

impl Choice {
    /// How many pairs that is of this many people and garments.
    pub(super) fn count(self, humans: u64, cloths: u64) -> u64 {
        match self {
            Self::All => humans * cloths,
            Self::Sample(most) => (humans * cloths).min(most),
            Self::PerCloth(most) => humans.min(most) * cloths,
        }
    }
}

/// The chosen pairs as positions in both lists of keys, the people in order and each with the garments in order.
pub(super) fn chosen(
    choice: Choice,
    seed: u64,
    humans: &[u64],
    cloths: &[u64],
) -> Box<dyn Iterator<Item = (usize, usize)>> {
    let (people, garments) = (humans.len(), cloths.len());
    let all = (0..people).flat_map(move |human| (0..garments).map(move |cloth| (human, cloth)));
    let score = |(human, cloth): (usize, usize)| (score(seed, humans[human], cloths[cloth]), human, cloth);
    let mut few: Vec<(usize, usize)> = match choice {
        Choice::All => return Box::new(all),
        _ if choice.count(people as u64, garments as u64) == (people * garments) as u64 => return Box::new(all),
        Choice::Sample(most) => lowest(most, all.map(score)),
        Choice::PerCloth(most) => {
            (0..garments).flat_map(|cloth| lowest(most, (0..people).map(|human| score((human, cloth))))).collect()
        }
    };
    few.sort_unstable();
    Box::new(few.into_iter())
}

/// The pairs with the lowest scores. Holds no more than it returns.
fn lowest(most: u64, pairs: impl Iterator<Item = (u64, usize, usize)>) -> Vec<(usize, usize)> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut heap = BinaryHeap::new();
    for pair in pairs {
        if heap.len() < most {
            heap.push(pair);
        } else if let Some(mut highest) = heap.peek_mut()
            && pair < *highest
        {
            *highest = pair;
        }
    }
    heap.into_iter().map(|(_, human, cloth)| (human, cloth)).collect()
}

fn score(seed: u64, human: u64, cloth: u64) -> u64 {
    mixed(mixed(mixed(seed) ^ human) ^ cloth)
}

/// Spreads a number over all of 64 bits, one to one (the last steps of `SplitMix64`, whose constants these are).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn keys(count: u64, of: u64) -> Vec<u64> {
        (0..count).map(|index| mixed(index ^ (of << 32))).collect()
    }

    fn pairs(choice: Choice, seed: u64) -> Vec<(usize, usize)> {
        chosen(choice, seed, &keys(6, 1), &keys(500, 2)).collect()
    }

    #[test]
    fn every_person_comes_with_every_garment_in_order() {
        let all = pairs(Choice::All, 0);
        assert_eq!(all.len(), 3_000);
        assert!(all.is_sorted());
        assert_eq!(all, pairs(Choice::Sample(3_000), 7));
        assert_eq!(all, pairs(Choice::PerCloth(6), 7));
    }

    #[test]
    fn a_larger_sample_holds_the_smaller_one_and_another_seed_is_another_sample() {
        let of = |choice, seed| pairs(choice, seed).into_iter().collect::<HashSet<_>>();
        let (small, large) = (of(Choice::Sample(50), 1), of(Choice::Sample(400), 1));
        assert_eq!((small.len(), large.len()), (50, 400));
        assert!(small.is_subset(&large));
        assert!(small.intersection(&of(Choice::Sample(50), 2)).count() < 10);
        assert!(of(Choice::PerCloth(2), 1).is_subset(&of(Choice::PerCloth(3), 1)));
    }

    #[test]
    fn each_garment_is_on_so_many_people_and_the_people_share_the_work() {
        let mut per_cloth = [0; 500];
        let mut per_human = [0; 6];
        for (human, cloth) in pairs(Choice::PerCloth(2), 0) {
            per_cloth[cloth] += 1;
            per_human[human] += 1;
        }
        assert!(per_cloth.iter().all(|count| *count == 2));
        assert!(per_human.iter().all(|count| (120..215).contains(count)), "{per_human:?}");
    }

    #[test]
    fn a_sample_is_the_same_in_every_version_of_the_program() {
        // Worked out apart from this code.
        assert_eq!(pairs(Choice::Sample(3), 0), [(1, 284), (2, 103), (5, 401)]);
    }
}
