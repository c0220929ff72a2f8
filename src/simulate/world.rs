//! The world behind the pictures: a port and its lanes, vehicles and households who come back, days and hours.
//!
//! Owns who was where and when. Knows nothing of pixels. Every answer depends on (seed, index) alone, so that any
//! picture can be drawn first.

use jiff::{SignedDuration, Timestamp, civil};

use super::chance::{Chance, dice};
use super::plate::design::Region;
use super::scene::{Conditions, Illumination, Rng, Weather};
use super::vehicle::Facing;

/// What the pictures are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One port, its lanes, six weeks: in 2019, 184,000 pictures of under 100,000 travellers.
    SixWeeks,
    /// Any place, any light, plates from anywhere: the greatest variety.
    Mixed,
}

/// What a picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Vehicles in a lane or on a road.
    Vehicles,
    /// People at a booth.
    Travellers,
    /// Nobody: signs, empty lanes.
    Nobody,
}

/// The circumstances of one picture.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which picture.
    pub index: u64,
    /// What it is of.
    pub subject: Subject,
    /// When.
    pub taken: Timestamp,
    /// Port of entry.
    pub site: &'static str,
    /// Lane or booth, and whether vehicles pass it.
    pub lane: Lane,
    /// `citizen`, `visitor`, `transit`.
    pub class: &'static str,
    /// Light and weather.
    pub conditions: Conditions,
    /// The household that this is about; its vehicle has the same number.
    pub household: u64,
    /// Where its plates come from.
    pub region: Region,
    /// Whether it is a film, in which nobody changes from frame to frame.
    pub is_film: bool,
}

/// One lane with its camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Counted from 1.
    pub number: u32,
    /// Whether people walk there.
    pub on_foot: bool,
    /// Into the country.
    pub inbound: bool,
}

impl Lane {
    /// `lane-02` or `walk-01`.
    pub fn name(self) -> String {
        format!("{}-{:02}", if self.on_foot { "walk" } else { "lane" }, self.number)
    }

    /// `in` or `out`.
    pub fn direction(self) -> &'static str {
        if self.inbound { "in" } else { "out" }
    }

    /// Lanes into the country see what comes, the others what leaves.
    pub fn facing(self, rng: &mut Rng) -> Facing {
        if rng.odds(if self.inbound { 0.62 } else { 0.3 }) { Facing::Front } else { Facing::Rear }
    }
}

/// Days that the world lasts.
const DAYS: usize = 42;

/// Travellers at each hour of a day, of any total.
const HOURS: [f32; 24] = [
    1.1, 0.8, 0.7, 0.9, 1.8, 3.4, 5.0, 6.0, 5.6, 4.9, 4.6, 4.7, 5.0, 5.1, 5.3, 5.9, 6.6, 6.8, 6.0, 4.8, 4.0, 3.3, 2.5,
    1.7,
];

/// Households over pictures: makes distinct travellers over pictures come out as in 2019.
const HOUSEHOLDS_PER_PICTURE: f64 = 0.36;

/// The same where variety is wanted: most come once.
const HOUSEHOLDS_PER_MIXED_PICTURE: f64 = 4.0;

/// A world of so many pictures.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    count: u64,
    scenario: Scenario,
    start: civil::Date,
    /// Share of all travel before each hour.
    arrivals: Vec<f64>,
}

impl World {
    /// The world of `seed`, observed `count` times from `start` on.
    pub fn new(seed: u64, count: u64, scenario: Scenario, start: civil::Date) -> Self {
        let mut sum = 0.0;
        let mut arrivals = Vec::with_capacity(DAYS * 24 + 1);
        let mut rng = dice(seed, "arrivals", 0);
        for day in 0..DAYS {
            let weekend = matches!(day % 7, 4..=6);
            let day_weight = f64::from(if weekend { 1.25 } else { 1.0 } * rng.between(0.85, 1.15));
            for weight in HOURS {
                arrivals.push(sum);
                sum += f64::from(weight) * day_weight;
            }
        }
        arrivals.push(sum);
        for v in &mut arrivals {
            *v /= sum;
        }
        Self { seed, count: count.max(1), scenario, start, arrivals }
    }

    /// The circumstances of picture `index`; time passes with the index.
    pub fn plan(&self, index: u64) -> Plan {
        let mut rng = dice(self.seed, "plan", index);
        let quantile = (index as f64 + f64::from(rng.unit())) / self.count as f64;
        let hour = self.arrivals.partition_point(|&a| a <= quantile).clamp(1, DAYS * 24) - 1;
        let (from, to) = (self.arrivals[hour], self.arrivals[hour + 1]);
        let within = ((quantile - from) / (to - from)).clamp(0.0, 0.999_999);
        let millis = ((hour as f64 + within) * 3_600_000.0) as i64;
        let midnight = self.start.to_zoned(jiff::tz::TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |z| z.timestamp());
        let taken = midnight.checked_add(SignedDuration::from_millis(millis)).unwrap_or(midnight);
        let conditions = match self.scenario {
            Scenario::SixWeeks => self.conditions_at(hour, &mut rng),
            Scenario::Mixed => any_conditions(&mut rng),
        };
        let subject = *rng.weighted(&match self.scenario {
            Scenario::SixWeeks => [(Subject::Vehicles, 0.6), (Subject::Travellers, 0.39), (Subject::Nobody, 0.01)],
            Scenario::Mixed => [(Subject::Vehicles, 0.66), (Subject::Travellers, 0.29), (Subject::Nobody, 0.05)],
        });
        let on_foot = subject == Subject::Travellers && rng.odds(0.8);
        let number = 1 + rng.below(if on_foot { 2 } else { 6 }) as u32;
        let site = match self.scenario {
            Scenario::SixWeeks => "south-gate",
            Scenario::Mixed => rng.pick(&["south-gate", "harbour", "north-road"]),
        };
        // Few come often, many come once.
        let household = (self.households() * f64::from(rng.unit()).powf(1.35)) as u64;
        let class = {
            let mut who = dice(self.seed, "class", household);
            *who.weighted(&[("citizen", 0.55), ("visitor", 0.35), ("transit", 0.1)])
        };
        Plan {
            index,
            subject,
            taken,
            site,
            lane: Lane { number, on_foot, inbound: if on_foot { number == 1 } else { number <= 4 } },
            class,
            conditions,
            household,
            region: if self.scenario == Scenario::SixWeeks { Region::Border } else { Region::World },
            is_film: false,
        }
    }

    fn conditions_at(&self, hour: usize, rng: &mut Rng) -> Conditions {
        let (day, hour) = (hour / 24, hour % 24);
        let illumination = match hour {
            7..=17 => Illumination::Day,
            6 | 18 | 19 => Illumination::Dusk,
            _ if rng.odds(0.45) => Illumination::Infrared,
            _ => Illumination::Night,
        };
        let wet = dice(self.seed, "weather", day as u64).odds(0.14);
        let weather = match (wet, hour) {
            (true, _) if rng.odds(0.7) => Weather::Rain,
            (false, 6..=8 | 17..=19) if rng.odds(0.2) => Weather::Glare,
            _ => Weather::Clear,
        };
        Conditions { illumination, weather }
    }

    /// Seed of a vehicle.
    pub fn vehicle_seed(&self, id: u64) -> u64 {
        u64::from(dice(self.seed, "fleet", id).unit().to_bits()) << 32 | id & 0xffff_ffff
    }

    /// Seed of a person.
    pub fn person_seed(&self, id: u64) -> u64 {
        u64::from(dice(self.seed, "people", id).unit().to_bits()) << 32 | id & 0xffff_ffff
    }

    /// People of a household: ids, the driver first.
    pub fn members(&self, household: u64) -> impl Iterator<Item = u64> {
        let mut rng = dice(self.seed, "household", household);
        let count = *rng.weighted(&[(1u64, 0.55), (2, 0.28), (3, 0.1), (4, 0.07)]);
        (0..count).map(move |i| household * 4 + i)
    }

    /// Households that happen to be there too: for the next lane, the queue, the crowd.
    pub fn bystander(&self, rng: &mut Rng) -> u64 {
        (self.households() * f64::from(rng.unit())) as u64
    }

    fn households(&self) -> f64 {
        let share = match self.scenario {
            Scenario::SixWeeks => HOUSEHOLDS_PER_PICTURE,
            Scenario::Mixed => HOUSEHOLDS_PER_MIXED_PICTURE,
        };
        (self.count as f64 * share).max(1.0)
    }
}

fn any_conditions(rng: &mut Rng) -> Conditions {
    Conditions {
        illumination: *rng.weighted(&[
            (Illumination::Day, 0.54),
            (Illumination::Dusk, 0.14),
            (Illumination::Night, 0.16),
            (Illumination::Infrared, 0.16),
        ]),
        weather: *rng.weighted(&[(Weather::Clear, 0.76), (Weather::Rain, 0.12), (Weather::Glare, 0.12)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(count: u64) -> World {
        World::new(11, count, Scenario::SixWeeks, civil::date(2019, 4, 1))
    }

    #[test]
    fn time_passes_and_stays_within_six_weeks() {
        let world = world(3000);
        let taken: Vec<_> = (0..3000).map(|i| world.plan(i).taken).collect();
        assert!(taken.is_sorted());
        let lasted = taken[2999].duration_since(taken[0]);
        assert!(lasted > SignedDuration::from_hours(24 * 41) && lasted < SignedDuration::from_hours(24 * 42));
    }

    #[test]
    fn travellers_come_back_as_in_2019() {
        // 184,000 pictures of somewhat under 100,000 travellers, whatever the number of pictures.
        for count in [2000, 12_000] {
            let world = world(count);
            let people: std::collections::HashSet<u64> =
                (0..count).flat_map(|i| world.members(world.plan(i).household).collect::<Vec<_>>()).collect();
            let share = people.len() as f64 / count as f64;
            assert!((0.47..0.58).contains(&share), "{} travellers in {count} pictures", people.len());
        }
    }

    #[test]
    fn any_picture_can_be_planned_first() {
        let world = world(500);
        let forward: Vec<String> = (0..500).map(|i| format!("{:?}", world.plan(i))).collect();
        let mut backward: Vec<String> = (0..500).rev().map(|i| format!("{:?}", world.plan(i))).collect();
        backward.reverse();
        assert_eq!(forward, backward);
    }
}
