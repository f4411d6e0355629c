import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * What the index of users and roles needs of the module analysis-common, which the stripped distribution lacks: its
 * analyzer for e-mail addresses. Without it no user can be stored. Nothing else is added to the server.
 */
public class MissingAnalysis extends Plugin implements AnalysisPlugin {
  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of(
        "pattern_capture", (index, environment, name, settings) -> new PatternCapture(name, settings),
        "unique", (index, environment, name, settings) -> new Unique(name, settings));
  }

  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of(
        "uax_url_email",
        (index, environment, name, settings) -> TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new));
  }

  private static final class PatternCapture extends AbstractTokenFilterFactory {
    private final Pattern[] patterns;
    private final boolean preserve;

    PatternCapture(String name, Settings settings) {
      super(name, settings);
      List<String> list = settings.getAsList("patterns");
      patterns = list.stream().map(Pattern::compile).toArray(Pattern[]::new);
      preserve = settings.getAsBoolean("preserve_original", true);
    }

    @Override
    public TokenStream create(TokenStream stream) {
      return new PatternCaptureGroupTokenFilter(stream, preserve, patterns);
    }
  }

  private static final class Unique extends AbstractTokenFilterFactory {
    Unique(String name, Settings settings) {
      super(name, settings);
    }

    @Override
    public TokenStream create(TokenStream stream) {
      return new RemoveDuplicatesTokenFilter(stream);
    }
  }
}
