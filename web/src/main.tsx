document.getElementById("app")!.textContent = "Linefeed";
