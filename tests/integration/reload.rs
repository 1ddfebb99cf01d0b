//! A root that changes while it is served: what becomes of it, and what the turns of that time see.

mod folders;

mod kept;

mod process;

mod storm;

mod turns;

mod world;
