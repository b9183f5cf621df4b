//! `Transparency`: what was done to the record itself.

use std::sync::Arc;

use async_graphql::{Object, Result, SimpleObject};

use super::{
    super::fault::Answer as _,
    correction::Correction,
    event,
    fact_word::FactWord,
    withholding::{Release, Withholding},
};
use crate::{
    event::WithholdingGround,
    serve::graphql::{
        field_cost::{Costs, Of},
        scalars::index::Index,
        types::event::Event,
    },
    views::{self, Views},
};

/// The most records of each kind that are listed.
const EACH: u64 = 100;

/// The limit is the same for each kind.
pub const COSTS: Costs = Costs {
    lists: &[
        ("corrections", EACH),
        ("grounds", EACH),
        ("keys", EACH),
        ("releases", EACH),
        ("withholdings", EACH),
    ],
    ..Costs::of(Of::Types(&["Transparency"]))
};

/// What was done to the record itself.
#[derive(Debug)]
pub struct Transparency {
    view: views::Transparency,
    views: Arc<Views>,
}

impl Transparency {
    /// Reads what was done, by the entries that `views` know.
    ///
    /// # Errors
    /// A failed read of the log.
    pub fn read(views: &Arc<Views>) -> Result<Self> {
        Ok(Self { view: views.transparency().answer()?, views: views.clone() })
    }
}

/// How often something was withheld on a ground.
#[derive(Debug, SimpleObject)]
pub struct GroundCount {
    /// The ground.
    pub ground: FactWord<WithholdingGround>,
    /// All withholdings on this ground.
    pub all: Index,
    /// Those of them that are in force.
    pub in_force: Index,
}

/// What was done to the record itself: of each kind at most 100, the latest first. `events` lists them all.
#[Object]
impl Transparency {
    /// The tree size: only entries below it count.
    async fn known_at(&self) -> Index {
        Index(self.views.size())
    }
    /// The number of withholdings by ground.
    async fn grounds(&self) -> Vec<GroundCount> {
        let count = |(ground, count): (&WithholdingGround, &views::GroundCount)| GroundCount {
            ground: FactWord(*ground),
            all: Index(count.all as u64),
            in_force: Index(count.in_force as u64),
        };
        self.view.grounds.iter().map(count).collect()
    }
    /// Whether there are more withholdings than the latest 2,000, which are counted.
    async fn cut_short(&self) -> bool {
        self.view.cut_short
    }
    /// Withholdings.
    async fn withholdings(&self) -> Vec<Withholding> {
        self.view.withheld.iter().map(|w| Withholding::new(w.clone(), &self.views)).collect()
    }
    /// Releases of what was withheld.
    async fn releases(&self) -> Vec<Release> {
        self.view.released.iter().map(|r| Release::new(r.clone(), &self.views)).collect()
    }
    /// Corrections.
    async fn corrections(&self) -> Vec<Correction> {
        self.view.corrections.iter().map(|c| Correction::new(c.clone(), &self.views)).collect()
    }
    /// Keys added and revoked.
    async fn keys(&self) -> Result<Vec<Event>> {
        self.view.keys.iter().map(|line| event(&self.views, line.index)).collect()
    }
}
