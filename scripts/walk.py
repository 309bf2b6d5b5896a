"""Joins a tickcast server, takes some steps and prints every snapshot. PROTOCOL.md explains each byte."""
import argparse
import sys

import tickcast


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("server", help="host:port")
    options.add_argument("--client-id", type=int, default=7)
    options.add_argument("--steps", type=int, default=30)
    options.add_argument("--encoding", choices=tickcast.ENCODINGS, default="compact")
    options = options.parse_args()
    host, _, port = options.server.rpartition(":")
    client = tickcast.Client(host.strip("[]"), port, options.client_id, options.encoding)
    try:
        client.join()
        walk(client, options.steps)
    except tickcast.Error as error:
        sys.exit(str(error))
    finally:
        client.leave()


def walk(client, steps):
    world = client.welcome
    x, y = world.x, world.y
    for _ in range(steps):
        while client.messages:
            world = tickcast.level_of(client.messages.popleft()) or world  # its corners
        if client.correction:
            x, y = client.correction
        x, y = min(max(x + 1, world.min_x), world.max_x), min(max(y, world.min_y), world.max_y)
        client.move(x, y)
        snapshot = client.snapshot()
        places = ", ".join(f"{i} at ({player.x}, {player.y})" for i, player in list(client.known.items())[:8])
        said = f"tick {snapshot.tick}: move {snapshot.applied} applied, {snapshot.players} players: {places}"
        print(said, flush=True)


if __name__ == "__main__":
    main()
