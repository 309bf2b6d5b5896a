use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const LONG: Tick = Tick(1_000);

/// Two players: 5 has an apple, an egg and a lamp, 6 an egg, a lamp and a sword.
fn two() -> Trades {
    let mut trades = Trades::new();
    trades.arrive(5);
    trades.arrive(6);
    trades
}

fn counts(trades: &Trades) -> [u32; 5] {
    Item::ALL.map(|item| trades.count(item))
}

#[test]
fn what_is_taken_changes_hands_both_ways() {
    let mut trades = two();
    let offer = trades.offer([5, 6], [Item::Apple, Item::Sword], LONG).expect("both have it");
    assert_eq!(trades.accept(6, offer.number), Ok(vec![Ended { offer, how: End::Taken }]));
    assert_eq!(trades.pocket(5), Pocket([0, 1, 1, 1, 0]));
    assert_eq!(trades.pocket(6), Pocket([1, 1, 1, 0, 0]));
    assert_eq!(trades.accept(6, offer.number), Err(No::Over), "once");
}

#[test]
fn only_who_was_asked_accepts_and_both_may_end_it() {
    let mut trades = two();
    trades.arrive(7);
    let offer =
        |trades: &mut Trades| trades.offer([5, 6], [Item::Apple, Item::Sword], LONG).expect("both have it");
    let first = offer(&mut trades);
    assert_eq!(trades.accept(5, first.number), Err(No::Over));
    assert_eq!(trades.accept(7, first.number), Err(No::Over));
    assert_eq!(trades.decline(7, first.number), Err(No::Over));
    assert_eq!(trades.decline(6, first.number), Ok(Ended { offer: first, how: End::Declined }));
    let second = offer(&mut trades);
    assert_eq!(trades.decline(5, second.number), Ok(Ended { offer: second, how: End::Withdrawn }));
}

#[test]
fn nothing_changes_hands_where_one_of_the_two_has_nothing_to_give() {
    for poor in [5, 6] {
        let mut trades = two();
        let offer = trades.offer([5, 6], [Item::Apple, Item::Sword], LONG).expect("both have it");
        // No hook does so; a mistake might.
        trades.pockets.insert(poor, Pocket::default());
        let before = trades.pockets.clone();
        assert_eq!(trades.accept(6, offer.number), Ok(vec![Ended { offer, how: End::GivenAway }]));
        assert_eq!(trades.pockets, before, "{poor} had nothing");
    }
}

#[test]
fn what_cannot_be_kept_is_not_offered() {
    let mut trades = two();
    let mut refused = |who, what| trades.offer(who, what, LONG).expect_err("it cannot be kept");
    assert_eq!(refused([5, 5], [Item::Apple, Item::Egg]), No::Pointless);
    assert_eq!(refused([5, 6], [Item::Egg, Item::Egg]), No::Pointless);
    assert_eq!(refused([5, 7], [Item::Apple, Item::Egg]), No::Nobody);
    assert_eq!(refused([5, 6], [Item::Sword, Item::Egg]), No::NotYours);
    assert_eq!(refused([5, 6], [Item::Apple, Item::Spam]), No::NotTheirs);
}

#[test]
fn an_offer_ends_with_what_it_was_about() {
    let how = |end: fn(&mut Trades) -> Vec<Ended>| {
        let mut trades = two();
        trades.offer([5, 6], [Item::Apple, Item::Sword], Tick(30)).expect("both have it");
        let ended = end(&mut trades).iter().map(|ended| ended.how).collect::<Vec<_>>();
        (ended, trades.offers().len())
    };
    assert_eq!(how(|trades| trades.leave(5)), (vec![End::Left], 0));
    assert_eq!(how(|trades| trades.leave(6)), (vec![End::Left], 0));
    assert_eq!(how(|trades| trades.die(6)), (vec![End::Died], 0));
    assert_eq!(how(|trades| trades.expire(Tick(29))), (vec![], 1));
    assert_eq!(how(|trades| trades.expire(Tick(30))), (vec![End::Expired], 0));
    let other = |trades: &mut Trades| {
        let other = trades.offer([6, 5], [Item::Sword, Item::Lamp], LONG).expect("both have it");
        trades.accept(5, other.number).expect("it stands")
    };
    assert_eq!(how(other), (vec![End::Taken, End::GivenAway], 0), "6 has no sword any more");
}

#[test]
fn offers_are_bounded_on_both_sides_and_from_one_to_another_there_is_one() {
    let mut trades = two();
    (7..12).for_each(|player| trades.arrive(player));
    let mut offer = |from, to, gives, wants| trades.offer([from, to], [gives, wants], LONG).err();
    assert_eq!(offer(5, 6, Item::Apple, Item::Sword), None);
    assert_eq!(offer(5, 6, Item::Lamp, Item::Sword), Some(No::TooMany), "one at a time");
    assert_eq!(offer(6, 5, Item::Sword, Item::Apple), None, "the other way is another");
    for to in 7..10 {
        assert_eq!(offer(5, to, Item::Egg, Item::Spam), None);
    }
    assert_eq!(offer(5, 10, Item::Egg, Item::Lamp), Some(No::TooMany), "of 5");
    for (from, gives) in [(9, Item::Spam), (10, Item::Apple), (11, Item::Egg)] {
        assert_eq!(offer(from, 6, gives, Item::Sword), None);
    }
    assert_eq!(offer(7, 6, Item::Spam, Item::Sword), Some(No::TooMany), "to 6");
}

#[test]
fn who_comes_back_has_what_it_had_and_the_town_forgets_in_turn() {
    let mut trades = two();
    let offer = trades.offer([5, 6], [Item::Apple, Item::Sword], LONG).expect("both have it");
    trades.accept(6, offer.number).expect("it stands");
    trades.leave(5);
    trades.arrive(5);
    assert_eq!(trades.pocket(5), Pocket([0, 1, 1, 1, 0]));
    trades.leave(5);
    for player in 1_000..1_000 + AWAY_MAX as u32 {
        trades.arrive(player);
        trades.leave(player);
    }
    assert_eq!(trades.pocket(5), Pocket::default(), "whoever was away longest is a stranger again");
    assert_eq!(counts(&trades), [u32::from(STOCK); 5], "and nothing is lost by it");
}

/// Anything that can happen, in any order; what is answered is mostly an offer that stands.
fn happen(trades: &mut Trades, draw: &mut Xoshiro256PlusPlus, now: Tick) {
    let [one, other] = [(); 2].map(|()| draw.random_range(0..6u32));
    let [gives, wants] = [(); 2].map(|()| Item::ALL[draw.random_range(0..Item::ALL.len())]);
    let standing = trades.offers().len();
    let (by, number) = match standing.checked_sub(1) {
        Some(last) if draw.random_bool(0.8) => {
            let offer = trades.offers()[draw.random_range(0..=last)];
            (offer.to, offer.number)
        }
        _ => (one, (trades.last_number + 1).saturating_sub(draw.random_range(0..8))),
    };
    match draw.random_range(0..100) {
        0..6 => trades.arrive(one),
        6..9 => drop(trades.leave(one)),
        9..12 => drop(trades.die(one)),
        12..20 => drop(trades.expire(now)),
        20..70 => drop(trades.offer([one, other], [gives, wants], Tick(now.0 + draw.random_range(1..60)))),
        70..95 => drop(trades.accept(by, number)),
        _ => drop(trades.decline(by, number)),
    }
}

/// Every player's things after a change: as before, but for the two of each offer that was taken.
fn assert_whole(before: &Trades, after: &Trades, seed: u64) {
    let pockets = |trades: &Trades| (0..6).map(|player| trades.pocket(player)).collect::<Vec<_>>();
    let changed: Vec<usize> =
        (0..6).filter(|player| before.pocket(*player as u32) != after.pocket(*player as u32)).collect();
    let given = |player: usize| {
        let [before, after] = [before, after].map(|trades| pockets(trades)[player].0.map(i32::from));
        std::array::from_fn::<i32, 5, _>(|item| after[item] - before[item])
    };
    match changed[..] {
        [] => {}
        // A newcomer's kit comes out of the chest.
        [one] => assert!(given(one).iter().all(|count| *count >= 0), "seed {seed}: {one} has lost something"),
        [one, other] => {
            let (got, gave) = (given(one), given(other));
            assert_eq!(got.map(|count| -count), gave, "seed {seed}: half a trade");
            assert_eq!(got.iter().map(|count| count.abs()).sum::<i32>(), 2, "seed {seed}: one for one");
        }
        _ => panic!("seed {seed}: a trade between {changed:?}"),
    }
}

#[test]
fn whatever_happens_nothing_is_made_or_lost_and_no_trade_is_half() {
    let mut taken = 0;
    for seed in 0..200 {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut trades = Trades::new();
        for tick in 1..400 {
            let before = trades.clone();
            happen(&mut trades, &mut draw, Tick(tick));
            assert_eq!(counts(&trades), [u32::from(STOCK); 5], "seed {seed}, tick {tick}");
            assert_whole(&before, &trades, seed);
            for offer in trades.offers() {
                let can_be_taken = trades.here.contains(&offer.from)
                    && trades.here.contains(&offer.to)
                    && trades.pocket(offer.from).of(offer.gives) > 0
                    && trades.pocket(offer.to).of(offer.wants) > 0;
                assert!(can_be_taken, "seed {seed}, tick {tick}: {offer:?} stands, and cannot be taken");
            }
            taken +=
                u32::from(before.pockets.len() == trades.pockets.len() && before.pockets != trades.pockets);
        }
    }
    println!("{taken} trades with the seeds 0 to 199");
    assert!(taken > 1_000, "{taken} trades are too few to say anything");
}
