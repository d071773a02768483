"""Sets Home Assistant's two camera integrations up as a person does in its forms, and looks at what it then shows.

Arguments: the address of a camera server, its key, the brightness of the picture that it shows, and an address to listen on.
"""

import asyncio
import io
import logging
import sys
import tempfile

# The cloud's middleware is left out where its package is not there; `None` is how Python says so.
sys.modules["hass_nabucasa"] = None

import aiohttp
from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.components import camera
from homeassistant.setup import async_setup_component
from PIL import Image

SERVER, KEY, BRIGHTNESS, LISTEN = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
HOST = SERVER.removeprefix("http://").rstrip("/")
PORT = 8123

FIELDS = {"username": "camera", "password": KEY}
MJPEG = {
    "fields": {"mjpeg_url": f"http://{HOST}/stream.mjpg", "still_image_url": f"http://{HOST}/snapshot.jpg", **FIELDS},
    "address": {
        "mjpeg_url": f"http://camera:{KEY}@{HOST}/stream.mjpg",
        "still_image_url": f"http://camera:{KEY}@{HOST}/snapshot.jpg",
    },
    "query": {
        "mjpeg_url": f"http://{HOST}/stream.mjpg?key={KEY}",
        "still_image_url": f"http://{HOST}/snapshot.jpg?key={KEY}",
    },
    # Its stills are then cut out of the stream, from the first end of a JPEG back to its beginning.
    "no_still": {"mjpeg_url": f"http://{HOST}/?action=stream", **FIELDS},
}
# Without a stream: Home Assistant takes MJPEG there, and then no browser plays it.
GENERIC = {
    "fields": {"still_image_url": f"http://{HOST}/snapshot.jpg", "authentication": "basic", **FIELDS},
    "query": {"still_image_url": f"http://{HOST}/snapshot.jpg?key={KEY}"},
}


def look_at(jpeg):
    picture = Image.open(io.BytesIO(jpeg)).convert("L")
    shown = picture.getpixel((picture.width // 2, picture.height // 2))
    assert picture.size == (320, 240) and abs(shown - BRIGHTNESS) < 4, (picture.size, shown)


async def fill_in(hass, integration, answers):
    """The form's answer, and the cameras that it brought."""
    before = set(hass.states.async_entity_ids("camera"))
    form = await hass.config_entries.flow.async_init(integration, context={"source": "user"})
    result = await hass.config_entries.flow.async_configure(form["flow_id"], answers)
    if result["type"] == "form" and result["step_id"] == "user_confirm_still":
        result = await hass.config_entries.flow.async_configure(form["flow_id"], {"confirmed_ok": True})
    await hass.async_block_till_done()
    return result, set(hass.states.async_entity_ids("camera")) - before


async def watch(hass, entity, wanted):
    """So many parts of the stream as Home Assistant passes it on to browsers."""
    token = hass.states.get(entity).attributes["access_token"]
    url = f"http://{LISTEN}:{PORT}/api/camera_proxy_stream/{entity}?token={token}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200, answer
        reader = aiohttp.MultipartReader(answer.headers, answer.content)
        for _ in range(wanted):
            look_at(await (await reader.next()).read())


async def main():
    with tempfile.TemporaryDirectory() as directory:
        hass = core.HomeAssistant(directory)
        hass.config.skip_pip = True
        hass.config_entries = config_entries.ConfigEntries(hass, {})
        loader.async_setup(hass)
        await bootstrap.async_load_base_functionality(hass)
        hass.auth = await auth.auth_manager_from_config(hass, [{"type": "homeassistant"}], [])
        hass.config.internal_url = f"http://{LISTEN}:{PORT}"
        assert await async_setup_component(hass, "http", {"http": {"server_host": LISTEN, "server_port": PORT}})
        assert await async_setup_component(hass, "camera", {})
        await hass.async_start()

        for name, answers in MJPEG.items():
            answers = {"password": "", "verify_ssl": True, "name": name, **answers}
            result, cameras = await fill_in(hass, "mjpeg", answers)
            assert result["type"] == "create_entry", (name, result)
            (entity,) = cameras
            look_at((await camera.async_get_image(hass, entity)).content)
            await watch(hass, entity, wanted=20)
            print("mjpeg", name)

        wrong = {**MJPEG["fields"], "password": "wrong", "verify_ssl": True, "name": "wrong"}
        result, cameras = await fill_in(hass, "mjpeg", wrong)
        assert result["errors"] == {"username": "invalid_auth"} and not cameras, result

        for name, answers in GENERIC.items():
            result, cameras = await fill_in(hass, "generic", {"framerate": 5.0, "verify_ssl": True, **answers})
            assert result["type"] == "create_entry", (name, result)
            (entity,) = cameras
            look_at((await camera.async_get_image(hass, entity)).content)
            print("generic", name)

        await hass.async_stop(force=True)


logging.basicConfig(level=logging.WARNING)
asyncio.run(main())
