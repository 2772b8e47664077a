// No module: it must speak where modules cannot be loaded, or do not start.
(function () {
  function refuse(reason) {
    document.body.dataset.state = "refused";
    document.getElementById("status").textContent = "";
    var notice = document.getElementById("notice");
    notice.firstElementChild.textContent = reason;
    notice.hidden = false;
  }
  var otherwise = " The command does the same: pip install 'specc-nn[cpu]', and specc check net.cnn.";
  globalThis.speccRefuse = refuse;
  addEventListener("DOMContentLoaded", function () {
    if (location.protocol === "file:") {
      refuse(
        "This page was opened as a file, and browsers load no checker from files. Serve its folder: " +
          "python -m http.server --bind localhost 8000, and open http://localhost:8000."
      );
    } else if (!("noModule" in document.createElement("script"))) {
      refuse("This browser is too old for this page: it knows no modules of JavaScript." + otherwise);
    }
  });
  addEventListener(
    "error",
    function (event) {
      if (event.target && event.target.tagName === "SCRIPT") {
        refuse(event.target.getAttribute("src") + " cannot be loaded: the page is not whole, or the connection broke. Reload it.");
      }
    },
    true
  );
})();
