// Frames of a drag. The browser shows them one after the other: one that is late for the screen's next turn makes all later ones wait for
// a turn as well, and nothing catches up while the pointer moves. Leaving one frame out ends that.
const LATE_MS = 10; // of the 16.7 between two turns of an ordinary screen, until the page's part of a frame is done
const APART = 6; // frames at least from one that is left out to the next, where every frame is late

const { port1, port2 } = new MessageChannel();
let began = 0, late = false, since = APART;
port1.onmessage = () => { if (performance.now() - began > LATE_MS) late = true; }; // the task after the frame

// Calls draw in the next frame, or in the one after it.
export function nextFrame(draw) {
  requestAnimationFrame((time) => {
    since += 1;
    if (late && since > APART) {
      late = false;
      since = 0;
      return nextFrame(draw);
    }
    began = time;
    port2.postMessage(null);
    draw();
  });
}

// Once a frame is done, and the next one not begun.
export function betweenFrames() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}
