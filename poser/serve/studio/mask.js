"use strict";
// The brush: where the picture may change. White on black, of the picture's own size; nothing painted: everywhere.
const brush = { area: document.createElement("canvas"), painted: false, last: null };

function brushOver(image) {
  const view = $("brush");
  for (const canvas of [view, brush.area]) [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  clearMask();
}

function clearMask() {
  const pen = brush.area.getContext("2d");
  pen.fillStyle = "black";
  pen.fillRect(0, 0, brush.area.width, brush.area.height);
  $("brush").getContext("2d").clearRect(0, 0, $("brush").width, $("brush").height);
  brush.painted = false;
  $("unmask").disabled = true;
  $("masked").textContent = "All of it may change. Paint where alone it may.";
}

function paint(event) {
  const view = $("brush"), box = view.getBoundingClientRect(), scale = view.width / box.width;
  const point = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const from = brush.last || point, width = $("width").value / 100 * Math.max(view.width, view.height);
  const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  for (const [canvas, colour] of [[brush.area, "white"], [view, accent]]) {
    const pen = canvas.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...point);
    pen.stroke();
  }
  brush.last = point;
  brush.painted = true;
  $("unmask").disabled = false;
  $("masked").textContent = "Only what is painted may change; the rest stays, pixel by pixel.";
}

async function takeMask(file) {
  const image = await createImageBitmap(file), view = $("brush");
  if (image.width !== view.width || image.height !== view.height) return state(`the mask has ${image.width}x${image.height} px and the picture ${view.width}x${view.height}`);
  const pen = brush.area.getContext("2d"), shown = view.getContext("2d");
  pen.drawImage(image, 0, 0);
  shown.clearRect(0, 0, view.width, view.height);
  shown.drawImage(image, 0, 0);
  brush.painted = true;
  $("unmask").disabled = false;
  $("masked").textContent = "The white of the mask may change; the rest stays, pixel by pixel.";
}

const maskFile = () => (brush.painted ? new Promise((done) => brush.area.toBlob(done, "image/png")) : null);

$("brush").onpointerdown = (event) => { $("brush").setPointerCapture(event.pointerId); brush.last = null; paint(event); };
$("brush").onpointermove = (event) => { if ($("brush").hasPointerCapture(event.pointerId)) paint(event); };
$("brush").onpointerup = () => { brush.last = null; };
$("unmask").onclick = clearMask;
$("maskfile").onchange = () => $("maskfile").files[0] && takeMask($("maskfile").files[0]);
$("thumb").onload = () => brushOver($("thumb"));
