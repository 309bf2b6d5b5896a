//! Ids of what the server itself puts into the world: its entities stand in snapshots as players do, and are told from
//! them by their ids.

/// Client ids from here on are the server's own.
pub const SERVER_IDS_FROM: u32 = 0xF000_0000;

/// How many numbers the entities of a kind have among them: the low 20 bits of an id.
pub const ENTITY_NUMBERS: u32 = 1 << KIND_SHIFT;

/// Bits 20 to 27 of an entity's id are its kind.
const KIND_SHIFT: u32 = 20;

/// The id of the entity of that kind, 1 to 255, and number, below [`ENTITY_NUMBERS`].
pub fn entity_id(kind: u8, number: u32) -> u32 {
    SERVER_IDS_FROM | u32::from(kind) << KIND_SHIFT | number & (ENTITY_NUMBERS - 1)
}

/// What an id is of: the kind of an entity, or 0 = a player.
pub fn kind_of(id: u32) -> u8 {
    if id < SERVER_IDS_FROM { 0 } else { (id >> KIND_SHIFT) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_of() {
        assert_eq!(entity_id(1, 0), 0xF010_0000);
        assert_eq!(entity_id(255, ENTITY_NUMBERS - 1), 0xFFFF_FFFF);
        assert_eq!(entity_id(3, ENTITY_NUMBERS), entity_id(3, 0), "numbers go around");
        for (id, kind) in [(0, 0), (SERVER_IDS_FROM - 1, 0), (0xF010_0007, 1), (u32::MAX, 255)] {
            assert_eq!(kind_of(id), kind, "{id:#x}");
        }
    }
}
