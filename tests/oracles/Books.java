import com.adobe.epubcheck.tool.EpubChecker;

/** Has epubcheck say what it thinks of each book on the command line, one after the other, behind a line of its path. */
public class Books {
    public static void main(String[] paths) {
        System.setErr(System.out);
        for (String path : paths) {
            System.out.println("book " + path);
            new EpubChecker().run(new String[] {path});
        }
    }
}
